//! An asciicast as an animated SVG: a strip of screens that moves behind a window, by
//! CSS alone. GitHub shows it in a README, a browser in the book. It is light or dark as
//! the reader's system is, and who wants no motion (`prefers-reduced-motion`) sees the
//! last screen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use avt::{Cell, Color, Terminal};

use super::cast::Cast;

/// Of one character, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
/// Around the text.
const BORDER: f64 = 14.0;

/// No pause is longer, in seconds: a build is waited for, and nobody wants to watch.
const LONGEST_PAUSE: f64 = 1.2;
/// Nor is the whole.
const LONGEST: f64 = 30.0;
/// Two screens are at least so far apart.
const SHORTEST: f64 = 0.12;
/// How long the last screen stays: it is what one came for.
const LAST: f64 = 8.0;

/// Background, text, and the sixteen colours of ANSI. Each of them can be read on the
/// background: WCAG's contrast of 4.5 at least, which a test computes.
struct Palette {
    back: &'static str,
    text: &'static str,
    colors: [&'static str; 16],
}

const DARK: Palette = Palette {
    back: "#0d1117",
    text: "#e6edf3",
    colors: [
        "#8b949e", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
        "#8b949e", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
    ],
};

const LIGHT: Palette = Palette {
    back: "#f6f8fa",
    text: "#1f2328",
    colors: [
        "#24292f", "#cf222e", "#116329", "#7d4e00", "#0550ae", "#8250df", "#1b5f66", "#57606a",
        "#57606a", "#a40e26", "#116329", "#633c01", "#0550ae", "#6639ba", "#1b5f66", "#24292f",
    ],
};

/// What a screen shows, one entry a line: the SVG of its text.
type Screen = Vec<String>;

/// The picture.
pub(super) fn picture(cast: &Cast) -> String {
    let screens = screens(cast);
    let rows = screens
        .iter()
        .filter_map(|(_, screen)| screen.iter().rposition(|line| !line.is_empty()))
        .max()
        .map_or(1, |row| row + 1);
    let width = f64::from(cast.size.0) * WIDTH + 2.0 * BORDER;
    let height = as_f64(rows) * HEIGHT + 2.0 * BORDER;
    let total = screens.last().map_or(0.0, |(at, _)| *at) + LAST;

    // Each line that is shown at all, once.
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for line in screens.iter().flat_map(|(_, screen)| screen) {
        let next = lines.len();
        if !line.is_empty() {
            lines.entry(line).or_insert(next);
        }
    }
    let mut by_number: Vec<(usize, &str)> = lines.iter().map(|(line, id)| (*id, *line)).collect();
    by_number.sort_unstable();

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" xml:space=\"preserve\">\n\
         <title>{}</title>\n<style>\n\
         text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;\
         white-space:pre}}\n.b{{font-weight:bold}}.f{{opacity:.75}}\n",
        escaped(&cast.title)
    );
    let used = |class: &str| lines.keys().any(|line| line.contains(class));
    svg.push_str(&colors(&DARK, &used));
    let _ = writeln!(
        svg,
        "@media(prefers-color-scheme:light){{\n{}}}",
        colors(&LIGHT, &used)
    );
    animation(&mut svg, &screens, height, total);
    svg.push_str("</style>\n<defs>\n");
    for (id, line) in by_number {
        let _ = writeln!(svg, "<g id=\"l{id}\">{line}</g>");
    }
    svg.push_str("</defs>\n<rect class=\"k\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n");
    let _ = writeln!(svg, "<g id=\"s\">");
    for (at, (_, screen)) in screens.iter().enumerate() {
        let _ = write!(
            svg,
            "<g transform=\"translate({BORDER} {:.0})\">",
            as_f64(at) * height + BORDER + HEIGHT * 0.75
        );
        for (row, line) in screen.iter().enumerate() {
            if let Some(id) = lines.get(line.as_str()) {
                let _ = write!(
                    svg,
                    "<use href=\"#l{id}\" y=\"{:.0}\"/>",
                    as_f64(row) * HEIGHT
                );
            }
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// The classes of a palette that are used.
fn colors(palette: &Palette, used: &dyn Fn(&str) -> bool) -> String {
    let mut css = format!("text{{fill:{}}}.k{{fill:{}}}", palette.text, palette.back);
    for (index, color) in palette.colors.iter().enumerate() {
        let class = format!("c{index}");
        // Quoted or followed by another.
        if used(&format!("{class}\"")) || used(&format!("{class} ")) {
            let _ = write!(css, ".{class}{{fill:{color}}}");
        }
    }
    css.push('\n');
    css
}

/// The strip's way past the window.
fn animation(svg: &mut String, screens: &[(f64, Screen)], height: f64, total: f64) {
    let strip = |at: usize| -as_f64(at) * height;
    let last = screens.len().saturating_sub(1);
    let _ = writeln!(svg, "#s{{transform:translateY({:.0}px)}}", strip(last));
    svg.push_str("@media(prefers-reduced-motion:no-preference){\n");
    let _ = writeln!(svg, "#s{{animation:m {total:.2}s step-end infinite}}");
    svg.push_str("@keyframes m{\n");
    for (at, (moment, _)) in screens.iter().enumerate() {
        let _ = writeln!(
            svg,
            "{:.3}%{{transform:translateY({:.0}px)}}",
            moment / total * 100.0,
            strip(at)
        );
    }
    svg.push_str("}\n}\n");
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// The screens with the moment at which each comes.
fn screens(cast: &Cast) -> Vec<(f64, Screen)> {
    let (columns, rows) = cast.size;
    let Ok(mut terminal) = Terminal::new(usize::from(columns), usize::from(rows)) else {
        return Vec::new();
    };
    let mut before = 0.0;
    let mut now = 0.0;
    let mut moments: Vec<(f64, Screen)> = Vec::new();
    for (at, text) in &cast.events {
        now += (at - before).clamp(0.0, LONGEST_PAUSE);
        before = *at;
        terminal.feed([text.as_str()]);
        let lines = terminal.screen().visible_lines();
        moments.push((now, lines.map(|line| text_of(line.cells())).collect()));
    }
    let pace = (LONGEST / now.max(LONGEST)).min(1.0);
    let mut screens: Vec<(f64, Screen)> = Vec::new();
    for (at, screen) in moments {
        let at = at * pace;
        match screens.last_mut() {
            Some((_, old)) if *old == screen => {}
            // What comes together is one screen.
            Some((last, old)) if at - *last < SHORTEST => *old = screen,
            _ => screens.push((at, screen)),
        }
    }
    screens
}

/// One line: a `text` for each run of one look, at its own place.
fn text_of(cells: &[Cell]) -> String {
    let mut runs: Vec<(usize, String, String)> = Vec::new();
    for (column, cell) in cells.iter().enumerate() {
        // The second half of a wide character.
        if cell.width() == 0 {
            continue;
        }
        let look = look(cell);
        match runs.last_mut() {
            Some((_, old, text)) if *old == look => text.push(cell.char()),
            _ => runs.push((column, look, cell.char().to_string())),
        }
    }
    let mut line = String::new();
    for (column, look, text) in runs {
        let inside = text.trim_end();
        // What is blank needs no element, and moves what is behind it.
        let text = inside.trim_start();
        let column = column + inside.chars().count() - text.chars().count();
        let length = as_f64(text.chars().count()) * WIDTH;
        if text.is_empty() {
            continue;
        }
        let x = as_f64(column) * WIDTH;
        let _ = write!(
            line,
            "<text x=\"{x:.1}\" textLength=\"{length:.1}\"{look}>{}</text>",
            escaped(text)
        );
    }
    line
}

/// The attributes of a character.
fn look(cell: &Cell) -> String {
    let pen = cell.pen();
    let mut classes = Vec::new();
    match pen.foreground() {
        Some(Color::Indexed(index)) if index < 16 => classes.push(format!("c{index}")),
        // None of ours sends more.
        _ => {}
    }
    match (pen.is_bold(), pen.is_faint()) {
        (true, _) => classes.push("b".to_owned()),
        (false, true) => classes.push("f".to_owned()),
        (false, false) => {}
    }
    match classes.is_empty() || cell.char() == ' ' {
        true => String::new(),
        false => format!(" class=\"{}\"", classes.join(" ")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast() -> Cast {
        let events = [
            (0.0, "one\r\n"),
            (1.0, "\u{1b}[1;32mtwo\u{1b}[0m <&>\r\n"),
            (1.01, "three\r\n"),
            (100.0, "\u{1b}[2J\u{1b}[H  last"),
        ];
        let events = events.map(|(at, text)| (at, text.to_owned())).to_vec();
        Cast::of((20, 5), "a <b>", events)
    }

    #[test]
    fn a_terminal_s_screens_become_a_strip() {
        let screens = screens(&cast());
        let moments: Vec<f64> = screens.iter().map(|(at, _)| *at).collect();
        // What comes together is one screen, and nobody waits for long.
        assert_eq!(screens.len(), 3, "{screens:?}");
        assert!((moments[2] - 2.21).abs() < 0.01, "{moments:?}");
        assert!(
            screens[1].1[1].contains("class=\"c2 b\">two</text>"),
            "{screens:?}"
        );
        assert_eq!(screens[2].1[1], "");
        assert!(screens[2].1[0].contains("x=\"16.8\""), "{screens:?}");
        let svg = picture(&cast());
        assert!(
            svg.contains("&lt;&amp;&gt;") && svg.contains("a &lt;b&gt;"),
            "{svg}"
        );
        assert_eq!(svg.matches(">one</text>").count(), 1, "{svg}");
        // Both palettes, and only what is used of them.
        assert_eq!(svg.matches(".c2{").count(), 2, "{svg}");
        assert!(!svg.contains(".c3{") && !svg.contains(".c0{"), "{svg}");
        assert!(
            svg.contains("prefers-reduced-motion:no-preference"),
            "{svg}"
        );
    }

    #[test]
    fn the_whole_takes_no_longer_than_a_person_waits() {
        let events = (0..100)
            .map(|at| (f64::from(at) * 5.0, format!("{at}\r\n")))
            .collect();
        let screens = screens(&Cast::of((20, 5), "t", events));
        let (last, _) = screens.last().unwrap();
        assert!(*last <= LONGEST + 0.01, "{last}");
        assert!(
            screens
                .last()
                .unwrap()
                .1
                .iter()
                .any(|line| line.contains(">99<"))
        );
    }

    /// WCAG 2.2, "relative luminance" and "contrast ratio".
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |color: &str| {
            let part = |at: usize| {
                let value = u8::from_str_radix(&color[at..at + 2], 16).unwrap();
                let value = f64::from(value) / 255.0;
                match value <= 0.04045 {
                    true => value / 12.92,
                    false => ((value + 0.055) / 1.055).powf(2.4),
                }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_colour_can_be_read() {
        for palette in [DARK, LIGHT] {
            for color in palette.colors.iter().chain([&palette.text]) {
                let contrast = contrast(color, palette.back);
                assert!(
                    contrast >= 4.5,
                    "{color} on {}: {contrast:.2}",
                    palette.back
                );
            }
        }
        assert!(contrast("#6e7681", DARK.back) < 4.5);
    }
}
