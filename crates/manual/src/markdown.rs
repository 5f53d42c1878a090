//! What is found in a Markdown file: links, headings, and code.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A link or an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// As written: a path, an address, `#anchor`.
    pub(crate) target: String,
    /// The whole link in the text, brackets and all.
    pub(crate) place: Range<usize>,
}

/// Code, with the line that it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// Its text.
    pub(crate) text: String,
    /// The first word after the fence; `None` in the midst of a sentence.
    pub(crate) language: Option<String>,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// All of a file that is looked at.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// In the order of the text.
    pub(crate) links: Vec<Link>,
    /// What can be linked to.
    pub(crate) anchors: Vec<String>,
    /// Blocks and spans.
    pub(crate) codes: Vec<Code>,
}

/// The line of a place, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Reads a file as mdBook does: CommonMark with tables.
pub(crate) fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    let mut block: Option<Code> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, place) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(Link {
                    target: dest_url.to_string(),
                    place,
                });
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default();
                let anchor = anchor(&title);
                // The second of a name gets a number.
                let same = |known: &&String| {
                    let rest = known.strip_prefix(&anchor).unwrap_or("-");
                    rest.is_empty() || rest[1..].parse::<usize>().is_ok()
                };
                let before = page.anchors.iter().filter(same).count();
                page.anchors.push(match before {
                    0 => anchor,
                    _ => format!("{anchor}-{before}"),
                });
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let language = language.split([',', ' ']).next().unwrap_or_default();
                block = Some(Code {
                    text: String::new(),
                    language: Some(language.to_owned()),
                    // Below the fence.
                    line: line(text, place.start) + 1,
                });
            }
            Event::End(TagEnd::CodeBlock) => page.codes.extend(block.take()),
            Event::Text(words) => {
                if let Some(block) = &mut block {
                    block.text.push_str(&words);
                } else if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
                page.codes.push(Code {
                    text: words.to_string(),
                    language: None,
                    line: line(text, place.start),
                });
            }
            _ => {}
        }
    }
    page
}

/// The name of a heading in an address, as GitHub and mdBook make it.
fn anchor(title: &str) -> String {
    title
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_headings_and_code_are_found() {
        let text = "# A `b` c: d\n\n[x](y.md#z) and `cargo xtask`\n\n## Same\n## Same\n\n\
                    ```sh\n# [no](link)\ncargo xtask build\n```\n\n| a |\n|---|\n| ![p](q.svg) |\n";
        let page = read(text);
        let targets: Vec<&str> = page.links.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["y.md#z", "q.svg"]);
        assert_eq!(&text[page.links[0].place.clone()], "[x](y.md#z)");
        assert_eq!(page.anchors, ["a-b-c-d", "same", "same-1"]);
        let block = page
            .codes
            .iter()
            .find(|code| code.language.is_some())
            .unwrap();
        assert_eq!(block.language.as_deref(), Some("sh"));
        assert_eq!((block.line, &block.text[..5]), (9, "# [no"));
        assert!(page.codes.iter().any(|code| code.text == "cargo xtask"));
    }
}
