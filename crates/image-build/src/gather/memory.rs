//! What a task has asked of upstream already, for the images that come after the first.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::error::Error;

/// Answers by question. It lives as long as the task: what is asked within one task is
/// one answer, so that all its images are built of the same releases.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>);

impl Memory {
    /// The answer to a question: the one that is known, or asked for now. An error is no
    /// answer, and the next one asks again.
    pub(super) fn once<T: Clone + Send + Sync + 'static>(
        &self,
        kind: &str,
        of: &str,
        ask: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let key = format!("{kind} {of}");
        let known = self.0.lock().ok();
        let known = known.and_then(|known| known.get(&key).cloned());
        if let Some(answer) = known.as_ref().and_then(|known| known.downcast_ref::<T>()) {
            return Ok(answer.clone());
        }
        let answer = ask()?;
        if let Ok(mut known) = self.0.lock() {
            known.insert(key, Arc::new(answer.clone()));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_once_and_an_error_is_no_answer() {
        let memory = Memory::default();
        let failed = || -> Result<u32, Error> { Err(Error::Usage("no".to_owned())) };
        assert!(memory.once("number", "a", failed).is_err());
        assert_eq!(memory.once("number", "a", || Ok(1_u32)).unwrap(), 1);
        assert_eq!(memory.once("number", "a", failed).unwrap(), 1);
        assert_eq!(memory.once("number", "b", || Ok(2_u32)).unwrap(), 2);
    }
}
