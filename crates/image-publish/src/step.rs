//! A named part of a plan, and what all plans have in common.

use std::fmt;

use host::process::Invocation;
use image_build::engine::Engine;
use registry_compat::ImageRef;

use crate::effect::Effect;

/// A named part of a plan; durations are counted by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `build`, `contract`, `push`, `read back`, `sign`, `host`, `promote`, ….
    pub name: &'static str,
    /// In order.
    pub effects: Vec<Effect>,
    /// Performed after them, whether they succeeded or not.
    pub cleanup: Vec<Effect>,
    /// Performed at the end of the plan, whether this step or a later one failed or not.
    pub at_end: Vec<Effect>,
}

impl Step {
    /// A step that leaves nothing to be cleaned up.
    pub fn new(name: &'static str, effects: impl IntoIterator<Item = Effect>) -> Self {
        Self {
            name,
            effects: effects.into_iter().collect(),
            cleanup: Vec::new(),
            at_end: Vec::new(),
        }
    }

    /// The step that fetches images by digest.
    pub(crate) fn fetch(engine: Engine, images: &[ImageRef]) -> Self {
        let pull = |image: &ImageRef| Effect::Transfer(engine.pull(&image.to_string(), false));
        Self::new("fetch", images.iter().map(pull))
    }

    /// The same, with what is performed right after it.
    #[must_use]
    pub fn cleaned(self, cleanup: Option<Invocation>) -> Self {
        Self {
            cleanup: cleanup.map(Effect::Run).into_iter().collect(),
            ..self
        }
    }
}

/// What can be printed as a list of effects, in the order in which a run without
/// failure performs them.
pub trait Steps {
    /// In order; the first failure ends them.
    fn steps(&self) -> Vec<&Step>;

    /// Performed at the very end, whether the steps succeeded or not.
    fn cleanup(&self) -> &[Effect] {
        &[]
    }

    /// Every effect, in order.
    fn effects(&self) -> Vec<&Effect> {
        let steps = self.steps();
        let mut all: Vec<&Effect> = Vec::new();
        for step in &steps {
            all.extend(step.effects.iter().chain(&step.cleanup));
        }
        for step in steps.iter().rev() {
            all.extend(&step.at_end);
        }
        all.extend(self.cleanup());
        all
    }

    /// The same as text, as a dry run prints it.
    fn lines(&self) -> Vec<String> {
        self.effects().iter().map(ToString::to_string).collect()
    }
}

impl Steps for [Step] {
    fn steps(&self) -> Vec<&Step> {
        self.iter().collect()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
