//! What was decided of several images, handed on to the jobs that follow.

use std::collections::BTreeMap;
use std::path::Path;

use host::report::Report;

use crate::decision::{Decided, Job, hand_on, json};
use crate::error::Error;
use crate::lock::Lock;
use crate::locks::Locks;

/// Hands on the locks of all images, and with a decision what the jobs after this one read:
/// those of the images that are to be built.
///
/// # Errors
/// If a file cannot be written.
pub fn hand_on_all(
    report: &Report,
    output: Option<&Path>,
    decided: &[(String, Decided)],
) -> Result<(), Error> {
    let of = |(name, decided): &(String, Decided)| Some((name.clone(), decided.lock.clone()?));
    let images: BTreeMap<String, Lock> = decided.iter().filter_map(of).collect();
    if !images.is_empty() {
        hand_on(report, output, &Locks { images })?;
    }
    let verdicts: Vec<&str> = decided.iter().filter_map(|(_, it)| it.verdict).collect();
    // What most is done for.
    let order = ["go", "hold", "unchanged", "not-yet"];
    let Some(verdict) = order.into_iter().find(|word| verdicts.contains(word)) else {
        return Ok(());
    };
    let built: Vec<&(String, Decided)> = decided.iter().filter(|(_, it)| it.builds).collect();
    let jobs: Vec<&Job> = built.iter().flat_map(|(_, it)| &it.jobs).collect();
    let image = |(name, _): &&(String, Decided)| serde_json::json!({ "image": name });
    let images: Vec<_> = built.iter().map(image).collect();
    let several = built.iter().any(|(_, it)| it.jobs.len() > 1);
    report.outputs(&[
        ("verdict", verdict.to_owned()),
        ("build", (!built.is_empty()).to_string()),
        ("matrix", json(&jobs)?),
        ("images", json(&images)?),
        ("several", several.to_string()),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::read_lock;
    use crate::testing;

    #[test]
    fn each_image_finds_its_own_lock_and_no_other() {
        let (_, lock, _) = testing::locked();
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let place = dir.path().join("lock.json");
        let mut other = lock.clone();
        other.zfs = "2.4.3".parse().unwrap();
        let decided = |lock: &Lock| Decided {
            lock: Some(lock.clone()),
            ..Decided::default()
        };
        let all = [
            ("nas".to_owned(), decided(&lock)),
            ("desk".to_owned(), decided(&other)),
            ("none".to_owned(), Decided::default()),
        ];
        hand_on_all(&Report::capturing(false), Some(&place), &all).unwrap();
        assert_eq!(read_lock(&place, Some("nas")).unwrap(), lock);
        assert_eq!(read_lock(&place, Some("desk")).unwrap(), other);
        let error = read_lock(&place, Some("none")).unwrap_err().to_string();
        assert!(
            error.contains("it is of desk, nas, and not of `none`"),
            "{error}"
        );
        let error = read_lock(&place, None).unwrap_err().to_string();
        assert!(error.contains("of several images"), "{error}");
        sh.write_file(&place, lock.to_line().unwrap()).unwrap();
        assert_eq!(read_lock(&place, None).unwrap(), lock);
        let error = read_lock(&place, Some("nas")).unwrap_err().to_string();
        assert!(error.contains("of one image"), "{error}");
    }
}
