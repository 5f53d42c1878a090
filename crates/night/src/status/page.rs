//! `status --html`: the status as one page, with nothing to fetch: no script, no font,
//! no picture but its own. Pure: from the answers to the text.

use std::fmt::Write as _;

use image_publish::history::Entry;
use jiff::Timestamp;
use version_discovery::{Choice, Forecast};

use super::html::escape;
use super::screen::{age, rows, signature};
use super::state::{Inputs, Status, Word, Workflows};
use super::timeline;

/// What the page is made of.
pub struct Facts<'a> {
    /// What the image is called.
    pub title: &'a str,
    /// The status.
    pub status: &'a Status,
    /// Each candidate with its verdict, where upstream could be asked.
    pub choice: Option<&'a Choice>,
    /// What the streams ahead bring.
    pub ahead: &'a [Forecast],
    /// Publications, the newest last.
    pub history: &'a [Entry],
    /// The time of the answers.
    pub now: Timestamp,
}

const CSS: &str = include_str!("page.css");

/// The page.
pub fn page(facts: &Facts<'_>) -> String {
    let status = facts.status;
    let verdict = (tone(status.verdict.word), word(status.verdict.word));
    let mut html = head(facts.title, "status", verdict, &status.verdict.text);
    followed(status, facts.now, &mut html);
    inputs(status, &mut html);
    if let Some(choice) = facts.choice {
        let line = timeline::line(choice, facts.ahead, facts.now);
        if !line.is_empty() {
            let _ = write!(
                html,
                "<section>\n<h2>Releases, hold and forecast</h2>\n<figure>\n{line}</figure>\n"
            );
            list(&status.verdict.why_not_newer, &mut html);
            html.push_str("</section>\n");
        }
    }
    history(facts.history, &mut html);
    workflows(&status.workflows, &mut html);
    html.push_str(
        "<section>\n<details><summary>All of it</summary>\n<div class=\"wide\"><table>\n",
    );
    for row in rows(status, facts.now) {
        let cells: String = row
            .iter()
            .map(|cell| format!("<td>{}</td>", escape(cell)))
            .collect();
        let _ = writeln!(html, "<tr>{cells}</tr>");
    }
    html.push_str("</table></div></details>\n</section>\n");
    foot(facts.now, &mut html);
    html
}

/// Down to the beginning of the sections: title, what the page is, and the verdict with
/// its class.
pub(super) fn head(title: &str, what: &str, (class, word): (&str, &str), verdict: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <title>{title}: {what}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n<header>\n\
         <h1>{title}</h1>\n<p class=\"verdict\"><b class=\"{class}\">{word}</b> {}</p>\n\
         </header>\n<main>\n",
        escape(verdict),
    )
}

/// The end of the page, with the time of its facts.
pub(super) fn foot(now: Timestamp, html: &mut String) {
    let _ = write!(
        html,
        "<p class=\"soft\">As of {}.</p>\n</main>\n</body>\n</html>\n",
        minute(now)
    );
}

/// To the minute, which is enough for a person.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", time.get(..5).unwrap_or(time))
}

fn tone(word: Word) -> &'static str {
    match word {
        Word::UpToDate | Word::CanBeBuilt => "good",
        Word::Held | Word::WaitingFor => "wait",
        Word::Refused | Word::Unknown => "bad",
    }
}

fn word(word: Word) -> &'static str {
    match word {
        Word::UpToDate => "up to date",
        Word::CanBeBuilt => "can be built",
        Word::Held => "held since",
        Word::WaitingFor => "waiting",
        Word::Refused => "refused",
        Word::Unknown => "unknown",
    }
}

fn followed(status: &Status, now: Timestamp, html: &mut String) {
    html.push_str("<section>\n<h2>What hosts follow</h2>\n<dl>\n");
    item(
        "tag",
        &format!("<code>{}</code>", escape(&status.followed.to_string())),
        html,
    );
    match &status.published {
        None => item("image", "none that is known", html),
        Some(image) => {
            let digest = format!("<code>{}</code>", escape(&image.digest.to_string()));
            item("digest", &digest, html);
            if let Some(version) = &image.version {
                item("version", &escape(version), html);
            }
            if let Some(built) = image.built {
                let text = format!("{} ({})", minute(built), age(built, now));
                item("built", &escape(&text), html);
            }
            item(
                "download",
                &format!("{} for a new host", megabytes(image.size)),
                html,
            );
            let said = escape(&signature(&image.signature));
            item("signature", &said, html);
            if let Some(boot) = &image.boot {
                item("boot", &escape(&boot.to_string()), html);
            }
        }
    }
    html.push_str("</dl>\n");
    for missed in &status.not_asked {
        let _ = writeln!(
            html,
            "<p class=\"bad\">{}: could not ask: {}</p>",
            missed.source,
            escape(&missed.why)
        );
    }
    html.push_str("</section>\n");
}

fn item(name: &str, html_of_value: &str, html: &mut String) {
    let _ = writeln!(html, "<div><dt>{name}</dt><dd>{html_of_value}</dd></div>");
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

/// One link of a chain: what it is, which, and how it stands to the published one.
pub(super) struct Link<'a> {
    pub(super) name: &'a str,
    pub(super) value: String,
    pub(super) class: &'a str,
}

/// What the published image is made of, and what would be taken now.
fn inputs(status: &Status, html: &mut String) {
    html.push_str("<section>\n<h2>From what it is made</h2>\n");
    let published = status
        .published
        .as_ref()
        .and_then(|image| image.inputs.as_ref());
    let buildable = status.upstream.buildable.as_ref();
    let same = published.is_some_and(|inputs| {
        buildable.is_some_and(|other| other.fingerprint == inputs.fingerprint)
    });
    if let Some(inputs) = published {
        html.push_str(match same {
            true => "<p class=\"soft\">published, and what would be built now</p>\n",
            false => "<p class=\"soft\">published</p>\n",
        });
        chain(&links(inputs, None), html);
    }
    if let Some(buildable) = buildable.filter(|_| !same) {
        html.push_str("<p class=\"soft\">would be built now</p>\n");
        chain(&links(buildable, published), html);
    }
    let offer = &status.upstream;
    let taken = offer.buildable.as_ref().map(|inputs| &inputs.base);
    if let Some(newest) = offer.base.as_ref().filter(|base| taken != Some(base)) {
        html.push_str("<p class=\"soft\">newest upstream</p>\n");
        let kernel = offer
            .kernel
            .clone()
            .unwrap_or_else(|| "not known".to_owned());
        let zfs = offer.zfs.clone().unwrap_or_else(|| "not known".to_owned());
        let link = |name, value, class| Link { name, value, class };
        let links = [
            link("Fedora CoreOS", newest.to_string(), "new"),
            link("kernel", kernel, "new"),
            link("kmods", format!("none with ZFS {zfs}"), "missing"),
        ];
        chain(&links, html);
    }
    list(&status.verdict.changes, html);
    html.push_str("</section>\n");
}

fn links<'a>(inputs: &Inputs, before: Option<&Inputs>) -> Vec<Link<'a>> {
    let new = |same: Option<bool>| match same {
        Some(false) => "new",
        _ => "same",
    };
    let mut links = vec![Link {
        name: "Fedora CoreOS",
        value: inputs.base.to_string(),
        class: new(before.map(|before| before.base == inputs.base)),
    }];
    for (at, target) in inputs.targets.iter().enumerate() {
        let old = before.and_then(|before| before.targets.get(at));
        links.push(Link {
            name: "kernel",
            value: target.kernel.clone(),
            class: new(old.map(|old| old.kernel == target.kernel)),
        });
        let name = target.kmods.repository().to_string();
        links.push(Link {
            name: "kmods",
            value: format!("{name}, ZFS {}", inputs.zfs),
            class: new(old.map(|old| old.kmods == target.kmods)),
        });
    }
    links
}

/// Boxes one after the other, an arrow between them.
pub(super) fn chain(links: &[Link<'_>], html: &mut String) {
    html.push_str("<ul class=\"chain\">\n");
    for link in links {
        let _ = writeln!(
            html,
            "<li class=\"{}\"><span><small>{}</small>{}</span></li>",
            link.class,
            link.name,
            escape(&link.value)
        );
    }
    html.push_str("</ul>\n");
}

/// A list, or nothing.
pub(super) fn list(texts: &[String], html: &mut String) {
    if texts.is_empty() {
        return;
    }
    html.push_str("<ul>\n");
    for text in texts {
        let _ = writeln!(html, "<li>{}</li>", escape(text));
    }
    html.push_str("</ul>\n");
}

/// What the publications took, and what a host has to fetch.
fn history(entries: &[Entry], html: &mut String) {
    if entries.is_empty() {
        return;
    }
    let minutes: Vec<f64> = entries.iter().map(|entry| entry.seconds() / 60.0).collect();
    let estimated = entries.iter().any(|entry| entry.download().is_none());
    let fetched: Vec<u64> = (0..entries.len())
        .map(|at| {
            let before = at.checked_sub(1).map(|at| &entries[at]);
            let entry = &entries[at];
            entry.download().unwrap_or_else(|| fetched(before, entry))
        })
        .collect();
    let sizes: Vec<f64> = fetched.iter().map(|bytes| bytes_as_mb(*bytes)).collect();
    html.push_str("<section>\n<h2>The last publications</h2>\n<figure>\n");
    bars("minutes", &minutes, html);
    html.push_str("</figure>\n<figure>\n");
    bars("MB that a host fetches", &sizes, html);
    html.push_str("</figure>\n");
    if estimated {
        html.push_str(
            "<p class=\"soft\">A host that has nothing fetches all of an image, as after the \
             first one here. Where it was not measured, layers of the same size at the same \
             place count as the same.</p>\n",
        );
    }
    html.push_str(
        "<details><summary>As a table</summary>\n\
         <div class=\"wide\"><table>\n<tr><th>date</th><th>version</th><th>minutes</th>\
         <th>size</th><th>fetched</th></tr>\n",
    );
    for (entry, bytes) in entries.iter().zip(&fetched).rev() {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{:.1}</td><td>{}</td><td>{}</td></tr>",
            minute(entry.date),
            escape(entry.image.as_str()),
            entry.seconds() / 60.0,
            megabytes(entry.bytes()),
            megabytes(*bytes)
        );
    }
    html.push_str("</table></div></details>\n</section>\n");
}

/// An estimate, where the publication did not measure it: bytes of the layers that the
/// image before has not, of the first architecture.
fn fetched(before: Option<&Entry>, entry: &Entry) -> u64 {
    let Some(weight) = entry.weights.first() else {
        return 0;
    };
    let old = before
        .and_then(|entry| entry.weights.iter().find(|old| old.arch == weight.arch))
        .map_or([].as_slice(), |old| old.layers.as_slice());
    let new = weight.layers.iter().enumerate();
    new.filter(|(at, bytes)| old.get(*at) != Some(bytes))
        .fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
}

fn bytes_as_mb(bytes: u64) -> f64 {
    u32::try_from(bytes / 1_000).map_or(f64::MAX, |kilobytes| f64::from(kilobytes) / 1_000.0)
}

/// A bar for each number, the oldest on the left; across in percent, as in the line of
/// days.
fn bars(name: &str, numbers: &[f64], html: &mut String) {
    let most = numbers.iter().copied().fold(0.0_f64, f64::max).max(0.001);
    let height = 110.0;
    // A few bars are not to look like walls.
    let count = u32::try_from(numbers.len().max(15)).map_or(15.0, f64::from);
    let step = 100.0 / count;
    let _ = writeln!(
        html,
        "<svg width=\"100%\" height=\"{height:.0}\" role=\"img\" aria-label=\"{name}\">\n\
         <text class=\"soft\" x=\"0\" y=\"12\">{name}, {most:.1} at most</text>"
    );
    let mut x = 0.0;
    for number in numbers {
        let tall = (number / most * (height - 26.0)).max(1.0);
        let _ = writeln!(
            html,
            "<rect class=\"bar\" x=\"{x:.2}%\" y=\"{:.1}\" width=\"{:.2}%\" height=\"{tall:.1}\" \
             rx=\"2\"><title>{number:.1}</title></rect>",
            height - tall,
            step * 0.8
        );
        x += step;
    }
    html.push_str("</svg>\n");
}

fn workflows(workflows: &Workflows, html: &mut String) {
    html.push_str("<section>\n<h2>CI</h2>\n");
    match workflows {
        Workflows::Nobody(why) => {
            let _ = writeln!(html, "<p class=\"soft\">not asked: {}</p>", escape(why));
        }
        Workflows::Unknown(why) => {
            let _ = writeln!(html, "<p class=\"bad\">could not ask: {}</p>", escape(why));
        }
        Workflows::Asked(runs) => {
            html.push_str("<dl>\n");
            for last in runs {
                let text = match &last.run {
                    Some(line) => format!(
                        "{}, {} ago",
                        line.word,
                        crate::workflow::span(line.age_seconds)
                    ),
                    None => "never ran".to_owned(),
                };
                let name = last.workflow.trim_end_matches(".yaml");
                item(&escape(name), &escape(&text), html);
            }
            html.push_str("</dl>\n");
        }
    }
    html.push_str("</section>\n");
}
