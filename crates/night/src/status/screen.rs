//! One screen of it.

use image_publish::Signature;
use jiff::Timestamp;

use super::state::{Inputs, Published, Status, Verdict, Word, Workflows};
use crate::workflow::span;

/// Where the verdict names the cause.
const SEE_VERDICT: &str = "could not ask, see the verdict";

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
            rows.push(inner("image", told_once(&text, &status.verdict.text)));
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
    if missed("upstream").is_some() {
        rows.push(inner("answer", SEE_VERDICT));
    }
    rows.extend(verdict(&status.verdict));
    rows.push(row("workflows", ""));
    match &status.workflows {
        Workflows::Nobody(why) => rows.push(inner("not asked", why)),
        Workflows::Unknown(why) => rows.push(inner("answer", format!("could not ask: {why}"))),
        Workflows::Asked(runs) => rows.extend(runs.iter().map(|run| {
            let mut text = match &run.run {
                Some(line) => format!("{}, {} ago", line.word, span(line.age_seconds)),
                None => "never ran".to_owned(),
            };
            if run.state != "active" {
                text.push_str(&format!("; it is {}", run.state));
            }
            inner(&run.workflow, text)
        })),
    }
    rows
}

/// Leaves out what the verdict tells as well: the advice at the end, or the whole
/// cause, where it names the server that was asked here.
fn told_once(text: &str, verdict: &str) -> String {
    let Some((cause, _)) = text
        .rsplit_once("; ")
        .filter(|(_, advice)| verdict.contains(advice))
    else {
        return text.to_owned();
    };
    let asked = cause.split_once("://").and_then(|(_, rest)| {
        let (url, said) = rest.split_once(": ")?;
        Some((
            url.split(['/', ':']).next()?,
            said.trim_start_matches("io: "),
        ))
    });
    match asked {
        Some((host, said)) if verdict.contains(host) && verdict.contains(said) => {
            SEE_VERDICT.to_owned()
        }
        _ => cause.to_owned(),
    }
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
    rows.extend(
        published
            .boot
            .as_ref()
            .map(|boot| inner("boot", boot.to_string())),
    );
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

pub(super) fn signature(signature: &Signature) -> String {
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

/// `3 d ago`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    match now.as_second() - then.as_second() {
        ..0 => "in the future: a clock is wrong".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_of_one_unit() {
        let now: Timestamp = "2026-07-30T12:00:00Z".parse().unwrap();
        for (then, text) in [
            ("2026-07-30T11:59:01Z", "59 s ago"),
            ("2026-07-30T09:30:00Z", "2 h ago"),
            ("2026-07-28T12:00:00Z", "2 d ago"),
            ("2026-07-30T12:00:01Z", "in the future: a clock is wrong"),
        ] {
            assert_eq!(age(then.parse().unwrap(), now), text, "{then}");
        }
    }

    #[test]
    fn a_cause_and_its_advice_are_told_once() {
        let text = "could not ask: https://a.org/v2/: io: no route; check the network";
        let other = "could not ask: https://a.org/v2/: io: no route";
        for (verdict, told) in [
            (
                "b.org and a.org could not be reached: no route; check the network. Or",
                SEE_VERDICT,
            ),
            // Another server, or another cause.
            (
                "b.org could not be reached: no route; check the network",
                other,
            ),
            (
                "a.org could not be reached: no name; check the network",
                other,
            ),
            ("a.org could not be reached: no route; log in", text),
        ] {
            assert_eq!(told_once(text, verdict), told, "{verdict}");
        }
        assert_eq!(told_once("nothing yet", "b: no"), "nothing yet");
    }
}
