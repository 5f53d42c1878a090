//! What the alarm is told of a task.

/// What a task noted on its way to its end, for the alarm that is called after
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The step of its plan that failed.
    pub step: Option<String>,
    /// Why, in its last words.
    pub why: Option<String>,
    /// It found that nothing can be built yet. That may be an answer, and is
    /// still the reason why the published image grows old.
    pub not_yet: bool,
}
