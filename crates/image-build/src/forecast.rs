//! `forecast`: what the streams ahead show about the coming weeks.

use host::Done;
use serde::Serialize;
use version_discovery::{Fact, Forecast, KmodsAhead, forecast};

use crate::error::Error;
use crate::gaps;
use crate::gather::{Scope, World};

/// The document of `forecast --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    sentences: &'a [String],
    forecasts: &'a [Forecast],
}

/// `forecast`.
///
/// # Errors
/// If a stream does not exist.
pub fn run(world: &World<'_>) -> Result<Done, Error> {
    let found = ahead(world)?;
    let sentences = sentences(&found);
    for line in sentences.iter().flat_map(|text| wrapped(text, "  ")) {
        world.report.answer(&host::report::harmless(&line));
    }
    if found.is_empty() {
        let stream = &world.config.base.stream;
        world
            .report
            .answer(&format!("no stream is ahead of {stream}"));
    }
    let rows: Vec<Vec<String>> = sentences
        .iter()
        .map(|s| vec![String::new(), s.clone()])
        .collect();
    crate::verdict::summary(world, "Forecast", &rows)?;
    let break_ahead = found.iter().any(breaks);
    world
        .report
        .outputs(&[("kmods-lag-ahead", break_ahead.to_string())])?;
    world.report.document(&Document {
        sentences: &sentences,
        forecasts: &found,
    })?;
    let unknown = |forecast: &Forecast| matches!(forecast, Forecast::Unknown { .. });
    Ok(if found.iter().any(unknown) {
        Done::Unknown
    } else {
        Done::Success
    })
}

/// What the streams ahead of the configured one will bring.
///
/// # Errors
/// If a stream does not exist.
pub fn ahead(world: &World<'_>) -> Result<Vec<Forecast>, Error> {
    let scope = Scope {
        lists: true,
        ..Scope::default()
    };
    let mut upstream = world.upstream(scope)?;
    world.resolve_own_stream(&mut upstream)?;
    let ahead = world.ahead()?;
    let ranges = world.linux_ranges(&upstream);
    if let Some(builder) = &mut upstream.discovery.builder {
        for (zfs, range) in &ranges {
            builder.ranges.insert(*zfs, Fact::Known(*range));
        }
    }
    let policy = world.config.policy.of(world.config.zfs.series);
    let discovery = &upstream.discovery;
    Ok(forecast(discovery, &ahead, &ranges, &policy, upstream.now))
}

/// The warning about a coming kernel for which no image could be built today.
fn breaks(forecast: &Forecast) -> bool {
    matches!(forecast, Forecast::Coming(coming) if matches!(coming.kmods, KmodsAhead::None(_)))
}

/// A sentence for each stream; one for all if nothing is known about any.
fn sentences(found: &[Forecast]) -> Vec<String> {
    let unknown = found.iter().map(|forecast| match forecast {
        Forecast::Unknown { stream, gaps } => Some((stream.to_string(), gaps)),
        _ => None,
    });
    let unknown: Option<Vec<_>> = unknown.collect();
    match unknown {
        Some(all) if all.len() > 1 => {
            let (streams, gaps): (Vec<String>, Vec<_>) = all.into_iter().unzip();
            let gaps: Vec<_> = gaps.into_iter().flatten().cloned().collect();
            let streams = streams.join(", ");
            vec![format!(
                "{streams}: could not find out: {}",
                gaps::text(&gaps)
            )]
        }
        _ => found.iter().map(sentence).collect(),
    }
}

fn sentence(forecast: &Forecast) -> String {
    match forecast {
        Forecast::Coming(coming) => coming.to_string(),
        Forecast::Nothing { stream } => {
            format!("{stream}: no newer kernel than what is known already")
        }
        Forecast::Unknown { stream, gaps } => {
            format!("{stream}: could not find out: {}", gaps::text(gaps))
        }
    }
}

/// A text in lines of at most 80 columns, the later ones indented. A word that
/// is longer stays whole, so that it can be copied.
pub fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let rest = text.trim_start();
    let mut lines = Vec::new();
    let mut line = text[..text.len() - rest.len()].to_owned();
    for word in rest.split(' ') {
        let long = line.chars().count() + 1 + word.chars().count() > 80;
        let empty = line.trim().is_empty();
        if long && !empty {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        } else if !empty {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use version_discovery::{Gap, Question};

    use super::*;

    #[test]
    fn one_cause_is_told_once_for_all_streams() {
        let gap = |stream: &str| Forecast::Unknown {
            stream: stream.parse().unwrap(),
            gaps: vec![Gap {
                question: Question::Releases,
                why: Some(format!(
                    "https://a.org/{stream}.json: no route; check the network"
                )),
            }],
        };
        let told = sentences(&[gap("testing"), gap("next")]);
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = "testing, next: could not find out: a.org could not be reached: no route; check the \
             network. Without";
        assert!(told[0].starts_with(expected), "{told:?}");
        let nothing = Forecast::Nothing {
            stream: "next".parse().unwrap(),
        };
        assert_eq!(sentences(&[gap("testing"), nothing]).len(), 2);
    }

    #[test]
    fn lines_fit_a_screen_and_lose_no_word() {
        let text = "word ".repeat(50) + &"x".repeat(120);
        let lines = wrapped(&text, "    ");
        assert!(lines.len() > 4, "{lines:#?}");
        for line in &lines[..lines.len() - 1] {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let words: Vec<&str> = lines.iter().flat_map(|l| l.split_whitespace()).collect();
        assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(wrapped("  short  words", "    "), ["  short  words"]);
    }
}
