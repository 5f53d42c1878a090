//! The history as a table, as a line of bars, and as a chart for the page of a run.
//! Only numbers and parsed dates are written into a chart.

use std::fmt::Write as _;

use super::Entry;
use super::seconds::duration;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// For terminals that cannot show block characters.
const PLAIN: [char; 8] = ['_', '.', '-', '=', '+', '*', '%', '#'];

/// How many of the slowest steps a table row lists.
const SLOWEST: usize = 3;

/// One bar for each number, the smallest the lowest; where all are the same,
/// all are in the middle.
pub fn sparkline(numbers: &[f64], unicode: bool) -> String {
    let bars = if unicode { BARS } else { PLAIN };
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |number: &f64| {
        let part = (number - least) / (most - least);
        // NaN if all numbers are equal, because the range is then 0.
        let part = if part.is_nan() { 0.5 } else { part };
        let last = bars.len() - 1;
        let level = (0..last).find(|level| part * (last as f64) < *level as f64 + 0.5);
        bars[level.unwrap_or(last)]
    };
    numbers.iter().map(bar).collect()
}

/// The newest entry comes first.
pub fn table(entries: &[Entry]) -> Vec<Vec<String>> {
    let booted = entries.iter().any(|entry| entry.boot.is_some());
    let mut heads = vec!["DATE", "VERSION", "SIZE", "TOTAL"];
    // A column without any value is left out.
    let fetched = entries.iter().any(|entry| entry.download().is_some());
    heads.extend(fetched.then_some("DOWNLOAD"));
    heads.extend(booted.then_some("BOOT"));
    heads.push("SLOWEST STEPS");
    let mut rows = vec![heads.into_iter().map(str::to_owned).collect()];
    rows.extend(entries.iter().rev().map(|entry| {
        let slowest: Vec<String> = entry
            .slowest(SLOWEST)
            .iter()
            .map(|took| {
                let arch = took.arch.map(|arch| format!(" {arch}")).unwrap_or_default();
                format!("{}{arch} {}", took.step, duration(took.seconds.get()))
            })
            .collect();
        let mut row = vec![
            day(entry),
            entry.image.to_string(),
            format!("{:.1} MB", megabytes(entry)),
            duration(entry.seconds()),
        ];
        row.extend(fetched.then(|| {
            let bytes = entry.download();
            bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6))
        }));
        row.extend(booted.then(|| {
            let boot = entry.boot.as_ref();
            boot.map_or_else(String::new, |boot| boot.short())
        }));
        row.push(slowest.join(", "));
        row
    }));
    rows
}

/// Two charts in Markdown, for viewers that render Mermaid. `None` for fewer than two
/// entries, which show no trend.
pub fn charts(entries: &[Entry]) -> Option<String> {
    let (first, last) = (entries.first()?, entries.last()?);
    if entries.len() < 2 {
        return None;
    }
    let minutes: Vec<f64> = entries.iter().map(|entry| entry.seconds() / 60.0).collect();
    let sizes: Vec<f64> = entries.iter().map(megabytes).collect();
    let mut text = format!(
        "### The last {} publications, {} to {}\n\n",
        entries.len(),
        day(first),
        day(last)
    );
    for (title, numbers) in [("minutes", minutes), ("MB compressed", sizes)] {
        text.push_str(&chart(title, &numbers));
    }
    let fetched = entries.iter().filter_map(Entry::download);
    let fetched: Vec<f64> = fetched.map(|bytes| bytes as f64 / 1e6).collect();
    if fetched.len() > 1 {
        text.push_str(&chart("MB that a host fetched", &fetched));
    }
    Some(text)
}

/// Source: Mermaid, "XY Chart": an axis from a number to a number needs no
/// names of categories.
fn chart(title: &str, numbers: &[f64]) -> String {
    let most = numbers.iter().copied().fold(1.0, f64::max).ceil();
    let list: Vec<String> = numbers
        .iter()
        .map(|number| format!("{number:.1}"))
        .collect();
    let mut text = String::from("```mermaid\nxychart-beta\n");
    let _ = writeln!(text, "    x-axis \"publication\" 1 --> {}", numbers.len());
    let _ = writeln!(text, "    y-axis \"{title}\" 0 --> {most:.0}");
    let _ = writeln!(text, "    line [{}]", list.join(", "));
    text.push_str("```\n\n");
    text
}

pub(super) fn day(entry: &Entry) -> String {
    let date = jiff::tz::Offset::UTC.to_datetime(entry.date).date();
    date.to_string()
}

fn megabytes(entry: &Entry) -> f64 {
    entry.bytes() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    #[test]
    fn bars_go_from_the_least_to_the_most() {
        let numbers = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0];
        assert_eq!(sparkline(&numbers, true), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&numbers, false), "_.-=+*%#");
        assert_eq!(sparkline(&[5.0, 1.0, 5.0], true), "█▁█");
        assert_eq!(sparkline(&[7.0, 7.0], true), "▅▅");
        assert_eq!(sparkline(&[0.0], false), "+");
        assert_eq!(sparkline(&[], true), "");
    }

    #[test]
    fn the_newest_is_the_first_row() {
        let rows = table(&[entry(1, 600.0), entry(2, 30.0)]);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1][..2], ["2026-07-03", "44.20260707.3.1-zfs2.4.4"]);
        assert_eq!(
            rows[2][2..],
            [
                "1000.0 MB",
                "10 min 23 s",
                "build 10 min 0 s, push 20.0 s, host 3.0 s"
            ]
        );
    }

    #[test]
    fn a_chart_holds_numbers_and_closes_its_fence() {
        let entries: Vec<_> = (0..3)
            .map(|day| entry(day, 600.0 * f64::from(day)))
            .collect();
        assert_eq!(charts(&entries[..1]), None);
        assert_eq!(charts(&[]), None);
        let text = charts(&entries).unwrap();
        assert!(text.contains("2026-07-01 to 2026-07-03"), "{text}");
        assert_eq!(text.matches("```mermaid\n").count(), 2, "{text}");
        assert_eq!(text.lines().filter(|line| *line == "```").count(), 2);
        assert!(text.contains("    line [0.4, 10.4, 20.4]\n"), "{text}");
        assert!(text.contains("    y-axis \"minutes\" 0 --> 21\n"), "{text}");
        assert!(
            text.contains("    x-axis \"publication\" 1 --> 3\n"),
            "{text}"
        );
    }
}
