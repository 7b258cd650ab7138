//! Families of internet addresses that a host has besides its loopback addresses; pure.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 address for hosts without one (RFC 7600, "dummy address"): nobody else has it.
const NOWHERE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// IPv6 address of the prefix of which packets are thrown away (RFC 6666).
const NOWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1);

/// Address families in which a host has an address that is not a loopback address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Families {
    /// Whether the host has an IPv4 address.
    pub v4: bool,
    /// Whether the host has an IPv6 address.
    pub v6: bool,
}

impl Families {
    /// Returns an address that leads nowhere for each family.
    pub fn placeholders(self) -> Vec<IpAddr> {
        let v4 = self.v4.then_some(NOWHERE_V4.into());
        let v6 = self.v6.then_some(NOWHERE_V6.into());
        v4.into_iter().chain(v6).collect()
    }
}

impl FromIterator<IpAddr> for Families {
    fn from_iter<Addresses: IntoIterator<Item = IpAddr>>(addresses: Addresses) -> Self {
        let mut families = Self::default();
        for address in addresses.into_iter().filter(|address| !address.is_loopback()) {
            families.v4 |= address.is_ipv4();
            families.v6 |= address.is_ipv6();
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_of_the_host_has_one_address_that_leads_nowhere() {
        let host = |addresses: &[&str]| -> Families {
            addresses.iter().map(|address| address.parse::<IpAddr>().unwrap()).collect()
        };
        assert_eq!(host(&["127.0.0.1", "::1"]).placeholders(), Vec::<IpAddr>::new());
        let [v4, v6] = [IpAddr::from(NOWHERE_V4), IpAddr::from(NOWHERE_V6)];
        assert_eq!(host(&["127.0.0.1", "10.0.0.7"]).placeholders(), [v4]);
        assert_eq!(host(&["fe80::1", "::1"]).placeholders(), [v6]);
        assert_eq!(host(&["fe80::1", "10.0.0.7", "10.0.0.8"]).placeholders(), [v4, v6]);
    }
}
