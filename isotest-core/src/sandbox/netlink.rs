//! Requests to the kernel's routing tables and its answers, as bytes (netlink(7), rtnetlink(7)); pure.

use core::net::IpAddr;

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Flag of an interface that is up.
const UP: u32 = 1;

/// Returns the request to raise the interface of an index.
pub(super) fn raise(interface: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    // `struct ifinfomsg`: family, padding and type, then index, flags, and which flags change.
    for word in [interface, UP, UP] {
        body.extend(word.to_ne_bytes());
    }
    request(libc::RTM_NEWLINK, 0, &body)
}

/// Returns the request to give an address, alone in its network, to the interface of an index.
pub(super) fn add_address(interface: u32, address: IpAddr) -> Vec<u8> {
    let (family, bytes) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    let prefix = u8::try_from(bytes.len() * 8).unwrap_or(u8::MAX);
    // `struct ifaddrmsg`. Duplicate address detection is off: there is no other host on the loopback interface.
    let no_duplicates = u8::try_from(libc::IFA_F_NODAD).unwrap_or_default();
    let mut body = vec![byte(family), prefix, no_duplicates, libc::RT_SCOPE_UNIVERSE];
    body.extend(interface.to_ne_bytes());
    for kind in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
        let length = u16::try_from(4 + bytes.len()).unwrap_or(u16::MAX);
        body.extend(length.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(&bytes);
    }
    let new = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    request(libc::RTM_NEWADDR, new, &body)
}

/// Returns a request with its header, which asks for an answer. The body's length is a multiple of four, as the next request
/// must begin at one.
fn request(kind: u16, flags: i32, body: &[u8]) -> Vec<u8> {
    let flags = flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK;
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(u16::try_from(flags).unwrap_or_default().to_ne_bytes());
    // Sequence number and port id stay 0: the kernel answers in order, and to the socket that asked.
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Returns the errno of each answer, 0 where the kernel did what it was asked for.
pub(super) fn answers(mut bytes: &[u8]) -> Vec<i32> {
    let mut answers = Vec::new();
    while let Some((length, answer)) = bytes.first_chunk().zip(bytes.get(HEADER..)) {
        // `struct nlmsgerr` begins with the errno, negated.
        answers.extend(answer.first_chunk().map(|errno| -i32::from_ne_bytes(*errno)));
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        bytes = bytes.get(length.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_their_length_and_stand_one_after_the_other() {
        let v4 = add_address(1, [192, 0, 2, 1].into());
        let v6 = add_address(1, core::net::Ipv6Addr::LOCALHOST.into());
        for (bytes, length) in [(raise(1), 32), (v4, 40), (v6, 64)] {
            assert_eq!(
                (bytes.len(), &bytes[..4]),
                (length, &u32::try_from(length).unwrap().to_ne_bytes()[..])
            );
        }
    }

    #[test]
    fn each_answer_has_its_errno() {
        let answer = |errno: i32| {
            let mut bytes = 36_u32.to_ne_bytes().to_vec();
            bytes.resize(HEADER, 0);
            bytes.extend((-errno).to_ne_bytes());
            bytes.resize(36, 7);
            bytes
        };
        assert_eq!(answers(&[answer(0), answer(libc::EEXIST)].concat()), [0, libc::EEXIST]);
        assert!(answers(&answer(1)[..10]).is_empty() && answers(&[]).is_empty());
    }
}
