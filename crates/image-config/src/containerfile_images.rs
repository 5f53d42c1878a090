//! Which images the Containerfile of a stage builds on.

use crate::containerfile::{Instruction, parse, words};

/// The images that a Containerfile builds on: those of `FROM`, `COPY --from=` and
/// `RUN --mount=…,from=` that are neither `scratch` nor a stage of the same file. Each
/// must be named in whole and by digest; otherwise the line, and what is wrong there.
///
/// What engines read differently is refused: a here-document is one text for new ones,
/// and instructions for buildah before 1.33, and `ONBUILD` runs in another stage. So is
/// what is fetched by no digest: `ADD` of an address, and `# syntax=`, by which docker
/// takes the program that builds out of an image.
///
/// # Errors
/// The first line that is wrong.
pub fn images_of(text: &str) -> Result<Vec<String>, (usize, String)> {
    if let Some(line) = syntax(text) {
        let detail = "`# syntax=` has docker fetch another program to build with; leave it out";
        return Err((line, detail.to_owned()));
    }
    let mut stages: Vec<String> = Vec::new();
    let mut images: Vec<String> = Vec::new();
    for instruction in parse(text) {
        if let Some(line) = instruction.heredoc {
            let detail = "a here-document, which older engines read as instructions; put it into \
                          a file of the stage's folder, and COPY that";
            return Err((line, detail.to_owned()));
        }
        for (line, name) in named(&instruction, &mut stages)? {
            if !is_by_digest(&name) {
                return Err((
                    line,
                    format!(
                        "`{name}` is no image by digest; write REGISTRY/NAME:TAG@sha256:…, so that \
                         the lock can name it"
                    ),
                ));
            }
            if !images.contains(&name) {
                images.push(name);
            }
        }
    }
    match stages.is_empty() {
        true => Err((1, "there is no FROM".to_owned())),
        false => Ok(images),
    }
}

/// The line of the directive `syntax`, which stands above everything else.
/// Source: Docker's Dockerfile reference, "Parser directives".
fn syntax(text: &str) -> Option<usize> {
    let comments = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    let is_it = |comment: &str| {
        comment
            .split_once('=')
            .is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("syntax"))
    };
    comments.map(is_it).position(|it| it).map(|at| at + 1)
}

/// Whether an `ADD` fetches something, and no checksum says what.
fn is_of_an_address(add: &Instruction) -> bool {
    let checked = |option: &&str| option.starts_with("--checksum=");
    let fetches = |word: &str| word.contains("://") || word.starts_with("git@");
    !add.options().0.iter().any(checked) && words(add.rest()).any(|(_, word)| fetches(word))
}

fn is_by_digest(name: &str) -> bool {
    name.parse::<registry_compat::ImageRef>()
        .is_ok_and(|image| image.digest().is_some())
}

/// What an instruction names that is no stage above, each with its line. `stages` are the
/// names so far, an empty one where there is none.
fn named(
    instruction: &Instruction,
    stages: &mut Vec<String>,
) -> Result<Vec<(usize, String)>, (usize, String)> {
    let line = instruction.line;
    match instruction.keyword.as_str() {
        "FROM" => {
            let rest: Vec<&str> = words(instruction.rest()).map(|(_, word)| word).collect();
            let image = rest.first().copied().unwrap_or_default();
            let stage = match rest.as_slice() {
                [_, word, stage, ..] if word.eq_ignore_ascii_case("as") => *stage,
                _ => "",
            };
            let is_stage = stages.contains(&image.to_ascii_lowercase());
            stages.push(stage.to_ascii_lowercase());
            let outside = !is_stage && image != "scratch";
            Ok(Vec::from_iter(outside.then(|| (line, image.to_owned()))))
        }
        "ONBUILD" => Err((line, "ONBUILD, which runs in another stage".to_owned())),
        "ADD" if is_of_an_address(instruction) => Err((
            line,
            "ADD of an address, whose bytes no lock can name; `ADD --checksum=sha256:… ADDRESS \
             FILE`, or a file of the stage's folder"
                .to_owned(),
        )),
        "COPY" | "RUN" | "ADD" => {
            let all = instruction.copied_from().into_iter();
            let outside = all.filter(|(_, name)| {
                let number = name.parse::<usize>().is_ok_and(|at| at < stages.len());
                !number && *name != "scratch" && !stages.contains(&name.to_ascii_lowercase())
            });
            Ok(outside
                .map(|(line, name)| (line, name.to_owned()))
                .collect())
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn no_form_of_a_line_hides_an_image() {
        let good = format!("quay.io/a/b:44@{DIGEST}");
        let from = format!("FROM {good} AS make\n");
        let ours = [
            "COPY --from=make /a /a\n",
            "COPY --from=0 /a /a\n",
            "FROM make\nRUN --mount=type=bind,from=make,target=/a true\n",
            "# FROM fedora:44\n",
        ];
        for rest in ours {
            let found = images_of(&format!("{from}{rest}"));
            assert_eq!(found.as_deref(), Ok([good.clone()].as_slice()), "{rest}");
        }
        for (rest, line) in [
            ("COPY \\\n  --from=docker.io/a/b:c /a /a\n", 3),
            (
                "RUN true \\\n# a comment\n  && true\nCOPY --from=a /a /a\n",
                5,
            ),
            ("# a comment \\\nFROM fedora:44\n", 3),
            ("RUN cat <<EOF\nFROM fedora:44\nEOF\n", 2),
            ("RUN --mount=from=a,target=/a true\n", 2),
            ("RUN --mount=type=bind,\"from=a\",target=/a true\n", 2),
            ("ADD https://example.org/a /out/\n", 2),
            ("ADD [\"https://example.org/a\", \"/out/\"]\n", 2),
            ("ADD git@example.org:a/b.git /out/\n", 2),
            ("COPY --from=$A /a /a\n", 2),
            ("COPY --from=2 /a /a\n", 2),
            ("ONBUILD COPY --from=a /a /a\n", 2),
            ("from fedora:44\n", 2),
        ] {
            let found = images_of(&format!("{from}{rest}"));
            assert_eq!(found.map_err(|(line, _)| line), Err(line), "{rest}");
        }
        assert!(images_of("# nothing\n").is_err());
        let checked = "ADD --checksum=sha256:00 https://example.org/a /out/\n";
        assert!(images_of(&format!("{from}{checked}")).is_ok());
        for (top, line) in [("# syntax=a/b\n", 1), ("# escape=\\\n#SYNTAX = a/b:1\n", 2)] {
            let found = images_of(&format!("{top}{from}"));
            assert_eq!(found.map_err(|(line, _)| line), Err(line), "{top}");
        }
        assert!(images_of(&format!("{from}# syntax=a/b\n")).is_ok());
    }
}
