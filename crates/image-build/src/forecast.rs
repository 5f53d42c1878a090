//! `forecast`: what the streams ahead show about the coming weeks.

use host::Done;
use serde::Serialize;
use version_discovery::{Fact, Forecast, KmodsAhead, forecast};

use crate::error::Error;
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
    let sentences: Vec<String> = found.iter().map(sentence).collect();
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

fn sentence(forecast: &Forecast) -> String {
    match forecast {
        Forecast::Coming(coming) => coming.to_string(),
        Forecast::Nothing { stream } => {
            format!("{stream}: no newer kernel than what is known already")
        }
        Forecast::Unknown { stream, gaps } => {
            let gaps: Vec<String> = gaps.iter().map(ToString::to_string).collect();
            format!("{stream}: could not find out: {}", gaps.join("; "))
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
    use super::wrapped;

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
