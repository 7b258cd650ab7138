//! Keeps the output of a workload within bounds: the beginning, the end, and a count of the bytes between.

use crate::record::Captured;
use std::collections::VecDeque;

/// Stream that is being read.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    most: usize,
}

impl Capture {
    /// Makes a capture that keeps at most `most` bytes of the beginning and as many of the end.
    pub(super) fn new(most: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), dropped: 0, most }
    }

    /// Appends bytes that were read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.most - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.most);
        self.tail.drain(..excess);
        self.dropped += u64::try_from(excess).unwrap_or(u64::MAX);
    }

    /// Returns the number of bytes that are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Returns everything that was kept.
    pub(super) fn finish(self) -> Captured {
        Captured { head: self.head, dropped: self.dropped, tail: self.tail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_output_is_counted() {
        for chunk in [1, 3, 100] {
            let mut capture = Capture::new(4);
            for bytes in b"abcdefghijklm".chunks(chunk) {
                capture.push(bytes);
            }
            let expected = Captured { head: b"abcd".to_vec(), dropped: 5, tail: b"jklm".to_vec() };
            assert_eq!(capture.finish(), expected);
        }
    }

    #[test]
    fn a_short_output_is_kept_whole() {
        let mut capture = Capture::new(4);
        capture.push(b"abcdef");
        let expected = Captured { head: b"abcd".to_vec(), dropped: 0, tail: b"ef".to_vec() };
        assert_eq!(capture.finish(), expected);
    }
}
