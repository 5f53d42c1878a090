//! Looking again until something is there, within bounds.

use std::time::Duration;

use crate::Error;

/// How often something is looked for, and at what interval.
#[derive(Debug, Clone, Copy)]
pub struct Polls {
    /// The pause between two looks.
    pub every: Duration,
    /// How often is looked at the most.
    pub most: u32,
    /// Whether the person wants to stop. Signals are another door.
    pub interrupted: fn() -> bool,
}

/// The longest sleep in one piece, so that an interruption is noticed soon.
const NAP: Duration = Duration::from_millis(100);

impl Polls {
    /// Looks until there is something; `None` if there was nothing the last
    /// time either.
    ///
    /// # Errors
    /// Those of the look, and [`Error::Interrupted`].
    pub fn until<T, E: From<Error>>(
        &self,
        mut look: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        for number in 0..self.most {
            if number > 0 {
                nap(self.every, self.interrupted)?;
            }
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Sleeps; ends early when `interrupted` says that the person wants to stop.
///
/// # Errors
/// [`Error::Interrupted`].
#[expect(
    clippy::disallowed_methods,
    reason = "the network door waits between requests"
)]
pub(crate) fn nap(time: Duration, interrupted: fn() -> bool) -> Result<(), Error> {
    let mut left = time;
    loop {
        if interrupted() {
            return Err(Error::Interrupted);
        }
        let next = left.min(NAP);
        std::thread::sleep(next);
        left -= next;
        if left.is_zero() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(most: u32, interrupted: fn() -> bool) -> Polls {
        Polls {
            every: Duration::ZERO,
            most,
            interrupted,
        }
    }

    #[test]
    fn a_look_is_taken_so_often_and_no_more() {
        let mut looks = 0;
        let mut until = |most: u32, found: u32, interrupted: fn() -> bool| {
            looks = 0;
            let answer: Result<_, Error> = polls(most, interrupted).until(|| {
                looks += 1;
                Ok((looks == found).then_some(looks))
            });
            (answer.map_err(|error| error.to_string()), looks)
        };
        assert_eq!(until(5, 1, || true), (Ok(Some(1)), 1));
        assert_eq!(until(5, 3, || false), (Ok(Some(3)), 3));
        assert_eq!(until(5, 9, || false), (Ok(None), 5));
        assert_eq!(until(5, 9, || true), (Err("interrupted".into()), 1));
    }
}
