//! Captured output as text. Pure.

use isotest_core::record::Captured;

/// Decodes captured bytes. Where the middle was dropped, a line says how many bytes are missing.
pub(crate) fn captured(output: &Captured) -> String {
    if output.dropped == 0 {
        // Joined first: a character may lie across the border.
        return String::from_utf8_lossy(&[output.head.as_slice(), &output.tail].concat()).into_owned();
    }
    let head = String::from_utf8_lossy(&output.head);
    let tail = String::from_utf8_lossy(&output.tail);
    format!("{head}\n... {} bytes left out ...\n{tail}", output.dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_across_head_and_tail_is_whole_unless_bytes_are_missing() {
        let mut output = Captured { head: b"na\xc3".to_vec(), dropped: 0, tail: b"\xafve".to_vec() };
        assert_eq!(captured(&output), "naïve");
        output.dropped = 7;
        assert_eq!(captured(&output), "na\u{fffd}\n... 7 bytes left out ...\n\u{fffd}ve");
    }
}
