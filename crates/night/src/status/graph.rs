//! `explain --graph`: the decision as one page, in the form of `status --html`: each
//! release that was looked at is a row of boxes, from the base over its kernel and the
//! modules to the verdict. Rows, and no drawing, so that it can be read on a telephone
//! and by a reader of screens. Pure: from facts and choice to the text.

use std::fmt::Write as _;

use image_build::explanation::{MOST, advice, expect, found_in};
use image_build::facts::Upstream;
use image_build::verdict::{sentence, word};
use image_config::Config;
use version_discovery::{BaseCandidate, BaseVerdict, Choice, Outcome, ZfsVerdict};

use super::html::escape;
use super::page::{Link, chain, foot, head, list};
use super::timeline;

/// The page.
pub fn graph(config: &Config, upstream: &Upstream, choice: &Choice) -> String {
    let title = config.image.title.to_string();
    let tone = match choice.outcome {
        Outcome::Go(_) => "good",
        Outcome::Hold(..) | Outcome::BuildKmods(_) | Outcome::Wait(_) => "wait",
        Outcome::Unknown(_) | Outcome::Refused(_) => "bad",
    };
    let text = sentence(&choice.outcome);
    // The sentence begins with the word.
    let said = text
        .split_once(": ")
        .map_or(text.as_str(), |(_, rest)| rest);
    let mut html = head(
        &title,
        "why this choice",
        (tone, word(&choice.outcome)),
        said,
    );
    let stream = escape(&config.base.stream.to_string());
    let _ = writeln!(
        html,
        "<section>\n<h2>Fedora CoreOS {stream}, newest first</h2>"
    );
    for base in shown(choice) {
        row(base, choice, &mut html);
    }
    html.push_str("</section>\n<section>\n<h2>Who has the kernel modules</h2>\n");
    let sources = upstream.discovery.kmods.iter();
    list(
        &sources
            .map(|source| found_in(source, choice))
            .collect::<Vec<_>>(),
        &mut html,
    );
    html.push_str("</section>\n<section>\n<h2>ZFS ");
    let _ = writeln!(html, "{}</h2>", escape(&config.zfs.series.to_string()));
    let versions = choice.zfs.iter();
    let versions = versions.filter(|candidate| candidate.verdict != ZfsVerdict::OtherSeries);
    for candidate in versions.take(MOST) {
        let taken = candidate.verdict == ZfsVerdict::Taken;
        chain(
            &[
                link("ZFS", candidate.version.to_string(), kind(taken)),
                link("verdict", candidate.verdict.to_string(), kind(taken)),
            ],
            &mut html,
        );
    }
    html.push_str("</section>\n");
    let line = timeline::line(choice, &[], upstream.now);
    if !line.is_empty() {
        let _ = write!(
            html,
            "<section>\n<h2>On a line of days</h2>\n<figure>\n{line}</figure>\n</section>\n"
        );
    }
    let _ = write!(
        html,
        "<section>\n<h2>What to expect</h2>\n<p>{}</p>\n",
        escape(&expect(choice))
    );
    list(&advice(config, choice), &mut html);
    html.push_str("</section>\n");
    foot(upstream.now, &mut html);
    html
}

/// The newest, and the one that is taken.
fn shown(choice: &Choice) -> Vec<&BaseCandidate> {
    let asked = choice.bases.iter();
    let asked = asked.filter(|base| base.verdict != BaseVerdict::NotNeeded);
    let taken = |base: &&BaseCandidate| base.verdict == BaseVerdict::Taken;
    let mut all: Vec<_> = asked.clone().take(MOST).collect();
    if !all.iter().any(taken) {
        all.extend(asked.skip(MOST).find(taken));
    }
    all
}

fn kind(taken: bool) -> &'static str {
    if taken { "new" } else { "same" }
}

fn link<'a>(name: &'a str, value: String, class: &'a str) -> Link<'a> {
    Link { name, value, class }
}

/// One release, as far as it came.
fn row(base: &BaseCandidate, choice: &Choice, html: &mut String) {
    let taken = base.verdict == BaseVerdict::Taken;
    let mut links = vec![link("Fedora CoreOS", base.version.to_string(), kind(taken))];
    for kernel in &base.kernels {
        links.push(link("kernel", kernel.to_string(), kind(taken)));
    }
    match (choice.pick(), taken) {
        (Some(pick), true) => {
            let kmods = format!("{}, ZFS {}", pick.kmods, pick.zfs);
            links.push(link("kmods", kmods, "new"));
            links.push(link("verdict", "taken".to_owned(), "new"));
        }
        _ => links.push(link("verdict", base.verdict.to_string(), "missing")),
    }
    chain(&links, html);
}
