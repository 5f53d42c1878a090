//! What a failed build says, and whether it would fail again. Pure.

use image_build::kmods_recipe::{REASON, Recipe};
use registry_compat::Digest;
use serde_json::json;

/// The sections of `build.sh` that fail again with the same inputs. The others are about
/// the network, the disk, or what Fedora has today.
const LASTING: [&str; 3] = ["patches", "configure", "rpms"];

/// Why a build failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The section of the script.
    pub section: String,
    /// One line.
    pub why: String,
}

impl Reason {
    /// The last line of `build.sh` among the last lines of the engine.
    pub fn of(tail: &[String]) -> Option<Self> {
        let said = |line: &String| {
            // Docker writes the step and the time before it.
            let (_, rest) = line.split_once("build.sh: ")?;
            let (section, why) = rest.split_once(": ")?;
            Some(Self {
                section: section.to_owned(),
                why: host::one_line(why),
            })
        };
        let full = tail
            .iter()
            .any(|line| line.contains("No space left on device"));
        let found = tail.iter().rev().find_map(said);
        match full {
            true => Some(Self {
                section: "disk".to_owned(),
                why: "No space left on device".to_owned(),
            }),
            false => found,
        }
    }

    /// Whether the same inputs would fail again.
    pub fn lasts(&self) -> bool {
        LASTING.contains(&self.section.as_str())
    }
}

/// A record of a failure as an artefact without content: its manifest and its one blob.
/// Source: OCI image specification, `manifest.md`, "Guidelines for Artifact Usage".
pub fn record(recipe: &Recipe, reason: &Reason) -> (Vec<u8>, Vec<u8>) {
    let empty = b"{}".to_vec();
    let descriptor = json!({
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": Digest::of(&empty),
        "size": empty.len(),
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": signatures::signing::MANIFEST,
        "artifactType": "application/vnd.custom-coreos.kmods.failed",
        "config": descriptor,
        "layers": [descriptor],
        "annotations": {
            REASON: reason.why,
            "custom-coreos.kmods.recipe": json!(recipe).to_string(),
        },
    });
    (manifest.to_string().into_bytes(), empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Reason> {
        Reason::of(&lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_compilers_reason_is_kept_and_what_may_pass_is_not_remembered() {
        let reason = of(&[
            "== rpms",
            "build.sh: rpms: zpl_file.c:12:3: error: too few arguments",
            "Error: building at STEP \"RUN bash\": exit status 1",
        ])
        .unwrap();
        assert_eq!(reason.why, "zpl_file.c:12:3: error: too few arguments");
        assert!(reason.lasts());
        for (line, section) in [
            (
                "build.sh: kernel-devel: expected kernel-devel 7.1, found none",
                "kernel-devel",
            ),
            ("build.sh: packages: expected `dnf` to succeed", "packages"),
            ("#9 12.3 build.sh: source: expected the SHA-256", "source"),
            ("cp: error writing 'x': No space left on device", "disk"),
        ] {
            let reason = of(&["a", line, "Error: building"]).unwrap();
            assert_eq!(reason.section, section);
            assert!(!reason.lasts(), "{line}");
        }
        // A full disk that the compiler met is no fault of the sources.
        let full = of(&["gcc: No space left on device", "build.sh: rpms: error: x"]);
        assert!(!full.unwrap().lasts());
        assert_eq!(of(&["Error: no such image"]), None);
    }
}
