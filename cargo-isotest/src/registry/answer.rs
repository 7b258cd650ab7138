//! Answer of a run to a request about its attempts. Pure.

use serde::{Deserialize, Serialize};

/// Schema version of [`Answer`]. A request may come from another version of the program.
pub(crate) const SCHEMA: u32 = 1;
/// Maximum length of an answer, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// State of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// [`SCHEMA`] of the answering run.
    pub(crate) schema: u32,
    /// Process id of the supervisor, in its own pid namespace.
    pub(crate) pid: i32,
    /// Number of slots.
    pub(crate) jobs: usize,
    /// Number of selected tests; 0 until it is known.
    pub(crate) tests: usize,
    /// Number of ended tests.
    pub(crate) ended: usize,
    /// Running attempts.
    pub(crate) attempts: Vec<Present>,
    /// Number of running attempts for which the answer has no room.
    #[serde(default)]
    pub(crate) more: usize,
}

/// Running attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Present {
    /// Number of the attempt in the run.
    pub(crate) number: usize,
    /// Process id of the zygote, the parent of the attempt's init, in the supervisor's pid namespace.
    pub(crate) zygote: i32,
    /// Id of the test binary.
    pub(crate) binary_id: String,
    /// Name of the test.
    pub(crate) name: String,
}

impl Answer {
    /// Serializes the answer, with as many attempts as there is room for.
    ///
    /// # Errors
    /// When the answer cannot be serialized.
    pub(super) fn in_bytes(mut self) -> serde_json::Result<Vec<u8>> {
        loop {
            let bytes = serde_json::to_vec(&self)?;
            let kept = self.attempts.len() / 2;
            if bytes.len() <= MAX_BYTES || self.attempts.is_empty() {
                return Ok(bytes);
            }
            self.more += self.attempts.len() - kept;
            self.attempts.truncate(kept);
        }
    }

    /// Parses a received answer.
    ///
    /// # Errors
    /// When the answer has another schema.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(answer) if answer.schema == SCHEMA => Ok(answer),
            Ok(_) | Err(_) => Err("the run belongs to another version of cargo-isotest".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let answer = |attempts: usize, letters: usize| {
            let name = "n".repeat(letters);
            let present = Present { number: 1, zygote: 2, binary_id: "b".to_owned(), name };
            let attempts = vec![present; attempts];
            Answer { schema: SCHEMA, pid: 1, jobs: 1, tests: 1, ended: 0, attempts, more: 0 }
        };
        let sent = |answer: Answer| {
            let bytes = answer.in_bytes().unwrap();
            assert!(bytes.len() <= MAX_BYTES);
            let answer = Answer::of_bytes(&bytes).unwrap();
            (answer.attempts.len(), answer.more)
        };
        assert_eq!(sent(answer(1000, 100)), (1000, 0), "control");
        assert_eq!(sent(answer(1000, 2000)), (500, 500));
        assert_eq!(sent(answer(1, MAX_BYTES)), (0, 1));
    }

    #[test]
    fn another_version_and_nonsense_are_told_apart_from_an_answer() {
        let nested = "[".repeat(100_000);
        for said in
            ["", "{}", "\u{0}", &nested, r#"{"schema":2,"pid":1,"jobs":1,"tests":0,"ended":0,"attempts":[]}"#]
        {
            assert!(Answer::of_bytes(said.as_bytes()).is_err(), "{said:.20}");
        }
        let said = r#"{"schema":1,"pid":1,"jobs":1,"tests":0,"ended":0,"attempts":[]}"#;
        assert!(Answer::of_bytes(said.as_bytes()).is_ok(), "control");
    }

    #[test]
    fn mutated_answers_are_read_or_refused() {
        let present = Present { number: 1, zygote: 2, binary_id: "b".to_owned(), name: "n".to_owned() };
        let answer =
            Answer { schema: SCHEMA, pid: 1, jobs: 1, tests: 1, ended: 0, attempts: vec![present], more: 0 };
        mutations::try_all("answer", &[answer.in_bytes().unwrap()], |bytes| {
            let _ = Answer::of_bytes(bytes);
        });
    }
}
