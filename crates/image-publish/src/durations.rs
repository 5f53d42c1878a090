//! How long the first half of a publication took, attached to the pushed image for the
//! second half.

use registry_compat::{Digest, Repository};

use crate::attach::attach;
use crate::history::{Half, MEASURED};
use crate::run::Run;

/// Attaches the durations of the steps so far to an image, for the half that publishes.
pub(crate) fn attach_durations(run: &Run<'_>, repository: &Repository, digest: &Digest) {
    let written = Half::of(&run.timings())
        .to_bytes()
        .and_then(|document| attach(run.registries, repository, digest, MEASURED, document));
    if let Err(error) = written {
        run.report.warning(&format!(
            "what the build took will not be in the history: {error}"
        ));
    }
}
