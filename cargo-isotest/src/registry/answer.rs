//! What a run tells of itself; pure.

use serde::{Deserialize, Serialize};

/// The version of [`Answer`]. The one who asks may be of another version of the program.
pub(crate) const SCHEMA: u32 = 1;
/// No answer is longer.
pub(crate) const BYTES_MOST: usize = 1 << 20;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// [`SCHEMA`] of the one who answers.
    pub(crate) schema: u32,
    /// The supervisor, in its own pid namespace.
    pub(crate) pid: i32,
    /// How many attempts at once.
    pub(crate) jobs: usize,
    /// How many tests are selected; 0 as long as that is not known.
    pub(crate) tests: usize,
    /// How many of them have ended.
    pub(crate) ended: usize,
    /// Those that are running.
    pub(crate) attempts: Vec<Present>,
    /// How many more are running, for which there was no room.
    #[serde(default)]
    pub(crate) more: usize,
}

/// An attempt that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Present {
    /// Its number in the run.
    pub(crate) number: usize,
    /// The process below which its init is found, in the supervisor's pid namespace.
    pub(crate) zygote: i32,
    /// Its test's binary.
    pub(crate) binary_id: String,
    /// Its test's name.
    pub(crate) name: String,
}

impl Answer {
    /// What is sent: as many attempts as there is room for.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(super) fn in_bytes(mut self) -> serde_json::Result<Vec<u8>> {
        loop {
            let bytes = serde_json::to_vec(&self)?;
            let kept = self.attempts.len() / 2;
            if bytes.len() <= BYTES_MOST || self.attempts.is_empty() {
                return Ok(bytes);
            }
            self.more += self.attempts.len() - kept;
            self.attempts.truncate(kept);
        }
    }

    /// What was received.
    ///
    /// # Errors
    /// Why it is not understood, in words.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(answer) if answer.schema == SCHEMA => Ok(answer),
            Ok(_) | Err(_) => Err("it is of another version of this program".to_owned()),
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
            assert!(bytes.len() <= BYTES_MOST);
            let answer = Answer::of_bytes(&bytes).unwrap();
            (answer.attempts.len(), answer.more)
        };
        assert_eq!(sent(answer(1000, 100)), (1000, 0), "control");
        assert_eq!(sent(answer(1000, 2000)), (500, 500));
        assert_eq!(sent(answer(1, BYTES_MOST)), (0, 1));
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
}
