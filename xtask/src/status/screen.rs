//! One screen of it.

use jiff::Timestamp;

use super::{Inputs, Published, Signature, Status, Verdict, Word, Workflows};

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn inner(name: &str, value: impl Into<String>) -> Vec<String> {
    row(&format!("  {name}"), value)
}

/// Names and values; what could not be asked has its place among them.
pub fn rows(status: &Status, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = vec![row("published", status.followed.to_string())];
    let missed = |source: &str| {
        let found = status.not_asked.iter().find(|found| found.source == source);
        found.map(|found| format!("could not ask: {}", found.why))
    };
    match &status.published {
        Some(published) => {
            let lock = missed("lock").unwrap_or_else(|| {
                "no lock with it: it was not built by this project, or by another version".into()
            });
            rows.extend(image(published, &lock, now));
        }
        None => {
            let text = missed("published").unwrap_or_else(|| "nothing yet".to_owned());
            rows.push(inner("image", text));
        }
    }
    rows.push(row("upstream", ""));
    let offer = &status.upstream;
    if let Some(base) = &offer.base {
        let kernel = offer.kernel.as_deref().unwrap_or("not asked for");
        rows.push(inner(
            "base",
            format!("Fedora CoreOS {base}, kernel {kernel}"),
        ));
    }
    rows.extend(offer.zfs.as_ref().map(|zfs| inner("ZFS", zfs)));
    if let Some(inputs) = &offer.buildable {
        let text = format!("Fedora CoreOS {} with ZFS {}", inputs.base, inputs.zfs);
        rows.push(inner("buildable", text));
    }
    rows.extend(missed("upstream").map(|text| inner("answer", text)));
    rows.extend(verdict(&status.verdict));
    rows.push(row("workflows", ""));
    match &status.workflows {
        Workflows::Nobody(why) => rows.push(inner("not asked", why)),
        Workflows::Unknown(why) => rows.push(inner("answer", format!("could not ask: {why}"))),
        Workflows::Asked(runs) => rows.extend(runs.iter().map(|run| {
            let text = match (&run.conclusion, run.began) {
                (Some(conclusion), Some(began)) => {
                    format!("{conclusion}, {}", age(began, now))
                }
                _ => "never ran".to_owned(),
            };
            inner(&run.workflow, text)
        })),
    }
    rows
}

fn image(published: &Published, lock: &str, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = vec![inner("digest", published.digest.to_string())];
    rows.extend(
        published
            .version
            .as_ref()
            .map(|text| inner("version", text)),
    );
    let built = match published.built {
        Some(built) => format!(
            "{}, {}",
            built.strftime("%Y-%m-%d %H:%M UTC"),
            age(built, now)
        ),
        None => "it does not say when".to_owned(),
    };
    rows.push(inner("built", built));
    match &published.inputs {
        Some(inputs) => rows.extend(of(inputs)),
        None => rows.push(inner("inputs", lock)),
    }
    rows.push(inner("signature", signature(&published.signature)));
    rows
}

fn of(inputs: &Inputs) -> Vec<Vec<String>> {
    let mut rows = vec![inner("ZFS", &inputs.zfs)];
    for target in &inputs.targets {
        rows.push(inner("kernel", &target.kernel));
        rows.push(inner("base", format!("{}, {}", inputs.base, target.base)));
        rows.push(inner("kmods", target.kmods.to_string()));
    }
    rows
}

fn signature(signature: &Signature) -> String {
    match signature {
        Signature::Good => "of the policy's key".to_owned(),
        Signature::Foreign => "there, but not of the policy's key: hosts refuse it".to_owned(),
        Signature::Untried => "there; the policy in rootfs/ names no key to try it with".to_owned(),
        Signature::Absent => "none".to_owned(),
        Signature::NotDemanded(reason) => format!("none is demanded: {reason}"),
        Signature::Unknown(why) => format!("could not ask: {why}"),
    }
}

/// The word as people read it.
fn word(word: Word) -> &'static str {
    match word {
        Word::UpToDate => "up to date",
        Word::CanBeBuilt => "can be built",
        Word::Held => "held since",
        Word::WaitingFor => "waiting for",
        Word::Refused => "refused",
        Word::Unknown => "unknown",
    }
}

fn verdict(verdict: &Verdict) -> Vec<Vec<String>> {
    let said = word(verdict.word);
    let text = match verdict.word {
        // These go on as a sentence.
        Word::Held | Word::WaitingFor => format!("{said} {}", verdict.text),
        _ => format!("{said}: {}", verdict.text),
    };
    let mut rows = vec![row("verdict", text)];
    rows.extend(
        verdict
            .why_not_newer
            .iter()
            .map(|why| inner("not newer", why)),
    );
    rows
}

/// `3 days ago`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let (number, unit) = match seconds {
        ..0 => return "in the future: a clock is wrong".to_owned(),
        0..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_of_one_unit() {
        let now: Timestamp = "2026-07-30T12:00:00Z".parse().unwrap();
        for (then, text) in [
            ("2026-07-30T11:59:01Z", "0 minutes ago"),
            ("2026-07-30T11:58:59Z", "1 minute ago"),
            ("2026-07-30T11:00:00Z", "1 hour ago"),
            ("2026-07-28T12:00:01Z", "47 hours ago"),
            ("2026-07-28T12:00:00Z", "2 days ago"),
            ("2026-07-30T12:00:01Z", "in the future: a clock is wrong"),
        ] {
            assert_eq!(age(then.parse().unwrap(), now), text, "{then}");
        }
    }
}
