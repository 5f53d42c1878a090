//! `.gitlab-ci.yml`: the lines of the nights, as GitLab has them typed. Pure.
//!
//! Source: GitLab documentation, "CI/CD YAML syntax reference": `workflow:name`,
//! `rules`, `parallel:matrix`, `artifacts:reports:dotenv`, `resource_group`, `pages`.

use std::fmt::Write as _;

use image_config::{Images, OneImage};
use version_discovery::Arch;

use crate::lines::{Job, job};

const HEAD: &str = "\
# The nights on GitLab. Nothing is decided here: each line is one that a laptop types
# just as well. Made of image.yaml and the lines that all forges share:
#
#   cargo xtask workflow file > .gitlab-ci.yml
#
# Two pipeline schedules start them, with the variable TASK: `build` every night,
# `cleanup` every week. Variables, masked and protected: GITLAB_TOKEN (a project
# access token with the scope `api`, role Maintainer), COSIGN_PRIVATE_KEY,
# COSIGN_PASSWORD, and ALARM_WEBHOOK where image.yaml names it.

workflow:
  # What `cargo xtask workflow status` looks for.
  name: $TASK
  rules:
    - if: $TASK
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
      variables: {TASK: check}
    - if: $CI_PIPELINE_SOURCE == \"push\" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      variables: {TASK: check}

variables:
  # Nothing is compiled twice, so this would only make the cache larger.
  CARGO_INCREMENTAL: \"0\"
  # Why it is built though nothing changed.
  FORCE: \"no\"
  # `true` prints what would be done.
  DRY_RUN: \"false\"
  # What is done with the plan of a clean-up.
  MODE: dry-run

default:
  image: docker.io/library/rust:1-trixie
  cache:
    key: {files: [Cargo.lock]}
    paths: [target/]
  before_script:
    - if ! command -v podman >/dev/null; then cargo xtask doctor --install; fi
    - if [ -n \"$CI_REGISTRY_PASSWORD\" ]; then printf %s \"$CI_REGISTRY_PASSWORD\" | podman login --username \"$CI_REGISTRY_USER\" --password-stdin \"$CI_REGISTRY\"; fi
";

/// What a job has besides its lines.
struct Shape {
    name: &'static str,
    /// Which workflow it is a job of.
    task: &'static str,
    /// On which machines.
    matrix: Matrix,
    needs: &'static [&'static str],
    minutes: u32,
    /// Names that its lines have, and where the values come from.
    before: &'static [&'static str],
    /// When a line is typed; one for each line.
    only: &'static [Option<&'static str>],
    /// YAML of its artifacts and the like.
    more: &'static str,
}

/// The jobs that there are of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matrix {
    /// One, on the machine of the first architecture.
    One,
    /// One for each architecture of any image.
    Architectures,
    /// One for each image and each of its architectures.
    All,
    /// One for each image, on the machine of its first architecture.
    Images,
}

/// What was decided by `wanted`.
const WANTS: &str = "[ \"$kmods\" = true ] && [ \"$DRY_RUN\" = false ]";
/// What was decided by `resolve`.
const BUILDS: &str = "[ \"$build\" = true ] && [ \"$DRY_RUN\" = false ]";
/// The same of one of several images.
const IS_BUILT: &str = " && printf %s \"$images\" | grep -qF \"\\\"$NAME\\\"\"";
const SHOWS: &str = "[ \"$DRY_RUN\" = true ] && grep -qx build=true outputs.env";

/// The names of what was pushed, for the job that joins them.
const PUSHED: &str = "  artifacts:\n    paths: [pushed/]\n";

const SHAPES: [Shape; 13] = [
    Shape {
        name: "wanted",
        task: "build",
        matrix: Matrix::One,
        needs: &[],
        minutes: 20,
        before: &[],
        only: &[None],
        more: "  allow_failure: true\n  artifacts:\n    reports: {dotenv: outputs.env}\n",
    },
    Shape {
        name: "kmods",
        task: "build",
        matrix: Matrix::Architectures,
        needs: &["wanted"],
        minutes: 90,
        before: &[],
        only: &[Some(WANTS)],
        more: "  # Whatever became of them: what there is can be built.\n  allow_failure: true\n",
    },
    Shape {
        name: "resolve",
        task: "build",
        matrix: Matrix::One,
        needs: &["kmods"],
        minutes: 20,
        before: &[],
        only: &[None, Some(SHOWS)],
        more: "  artifacts:\n    paths: [lock.json]\n    reports: {dotenv: outputs.env}\n",
    },
    Shape {
        name: "build",
        task: "build",
        matrix: Matrix::All,
        needs: &["resolve"],
        minutes: 90,
        before: &[],
        only: &[Some(BUILDS)],
        more: PUSHED,
    },
    Shape {
        name: "publish",
        task: "build",
        matrix: Matrix::Images,
        needs: &["resolve", "build"],
        minutes: 60,
        before: &[],
        only: &[Some(BUILDS), Some(BUILDS)],
        more: "  # A second one waits: to cut off a publication is safe, but in vain.\n  \
               resource_group: publish\n",
    },
    Shape {
        name: "check",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 60,
        before: &["export CUSTOM_COREOS_REQUIRE_ALL=1"],
        only: &[None, None, None],
        more: "",
    },
    Shape {
        name: "rehearsal",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 30,
        before: &[],
        only: &[None, None],
        more: "",
    },
    Shape {
        name: "images",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 30,
        before: &[],
        only: &[None, None],
        // A runner that is a container may not tell the kernel of other architectures.
        more: MANUAL,
    },
    Shape {
        name: "test-build",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 90,
        before: &[],
        only: &[None],
        more: "",
    },
    Shape {
        name: "vm",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 90,
        before: &[],
        only: &[None, None],
        more: MANUAL,
    },
    Shape {
        name: "boot",
        task: "check",
        matrix: Matrix::One,
        needs: &[],
        minutes: 90,
        before: &[],
        only: &[None, None],
        more: MANUAL,
    },
    Shape {
        name: "cleanup",
        task: "cleanup",
        matrix: Matrix::One,
        needs: &[],
        minutes: 60,
        before: &[],
        only: &[None],
        more: "  resource_group: cleanup\n  # What `cleanup restore` reads.\n  artifacts:\n    \
               when: always\n    paths: [target/cleanup/*.json]\n    expire_in: 30 days\n",
    },
    Shape {
        name: "pages",
        task: "pages",
        matrix: Matrix::One,
        needs: &[],
        minutes: 20,
        before: &[],
        only: &[None, None, None],
        more: "  pages: {publish: target/site}\n",
    },
];

/// Only where `image.yaml` builds kernel modules: a job costs a machine.
const OF_KMODS: [&str; 2] = ["wanted", "kmods"];

/// By hand, since it takes its time.
const MANUAL: &str = "manual";

/// The file.
pub fn text(images: &Images) -> String {
    let mut text = HEAD.to_owned();
    let builds = images
        .iter()
        .any(|image| image.config.own_kmods().is_some());
    let here = |name: &&str| builds || !OF_KMODS.contains(name);
    for shape in SHAPES.iter().filter(|shape| here(&shape.name)) {
        if let Some(job) = job(shape.name) {
            let needs: Vec<&str> = shape.needs.iter().copied().filter(here).collect();
            write_job(&mut text, (shape, &needs), job, images);
        }
    }
    text
}

/// The jobs of a matrix: the values of its variables.
fn legs(matrix: Matrix, images: &Images) -> Vec<String> {
    let runner = |arch: Arch| images.first().config.ci.runners.of(arch).to_string();
    let mut all: Vec<String> = Vec::new();
    for OneImage { name, config } in images.iter() {
        let arches = config.architectures.iter();
        let most = match matrix {
            Matrix::Images => 1,
            _ => usize::MAX,
        };
        for arch in arches.take(most) {
            let runner = runner(*arch);
            let leg = match matrix {
                Matrix::One | Matrix::Architectures => {
                    format!("{{ARCH: {arch}, RUNNER: {runner}}}")
                }
                Matrix::All => format!("{{NAME: {name}, ARCH: {arch}, RUNNER: {runner}}}"),
                Matrix::Images => format!("{{NAME: {name}, RUNNER: {runner}}}"),
            };
            if !all.contains(&leg) {
                all.push(leg);
            }
        }
    }
    all
}

fn write_job(text: &mut String, (shape, needs): (&Shape, &[&str]), job: &Job, images: &Images) {
    let _ = writeln!(text, "\n{}:", shape.name);
    let of_image = images.are_named() && matches!(shape.matrix, Matrix::All | Matrix::Images);
    write_rules(text, shape, of_image && shape.matrix == Matrix::Images);
    let first = &images.first().config;
    if shape.matrix != Matrix::One {
        text.push_str("  parallel:\n    matrix:\n");
        for leg in legs(shape.matrix, images) {
            let _ = writeln!(text, "      - {leg}");
        }
        text.push_str("  tags: [$RUNNER]\n");
    } else if let Some(arch) = first.architectures.first() {
        let _ = writeln!(text, "  tags: [{}]", first.ci.runners.of(*arch));
    }
    if !needs.is_empty() {
        let _ = writeln!(text, "  needs: [{}]", needs.join(", "));
    }
    let _ = writeln!(text, "  timeout: {} minutes", shape.minutes);
    text.push_str("  script:\n");
    for line in shape.before {
        let _ = writeln!(text, "    - {line}");
    }
    let is_built = if of_image { IS_BUILT } else { "" };
    for (line, only) in job.lines.iter().zip(shape.only) {
        // The machine is help, and no condition.
        let alone = match *line == crate::lines::MACHINE && shape.name == "publish" {
            true => " || true",
            false => "",
        };
        let _ = match only {
            Some(only) => writeln!(
                text,
                "    - if {only}{is_built}; then cargo xtask {line}{alone}; fi"
            ),
            None => writeln!(text, "    - cargo xtask {line}"),
        };
    }
    if let Some(alarm) = job.alarm {
        text.push_str("  after_script:\n    - export STATUS=\"$CI_JOB_STATUS\"\n");
        let typed = match shape.only.first().copied().flatten() {
            // A job in which nothing was done says nothing: its success would be that of
            // a build, and close what the last one has opened.
            Some(only) => format!("if {only}{is_built}; then cargo xtask {alarm}; fi"),
            None => format!("cargo xtask {alarm}"),
        };
        let _ = writeln!(text, "    - {typed}");
    }
    if shape.more != MANUAL {
        text.push_str(shape.more);
    }
}

fn write_rules(text: &mut String, shape: &Shape, always: bool) {
    text.push_str("  rules:\n");
    if shape.name == "cleanup" {
        text.push_str(
            "    - if: $TASK == \"cleanup\" && $CI_PIPELINE_SOURCE == \"schedule\"\n      \
             variables: {MODE: execute}\n",
        );
    }
    let _ = writeln!(text, "    - if: $TASK == \"{}\"", shape.task);
    if always {
        text.push_str(
            "      # One image that could not be built leaves the others.\n      when: always\n",
        );
    }
    if shape.more == MANUAL {
        text.push_str("      when: manual\n      allow_failure: true\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{JOBS, PUBLISH};

    #[test]
    fn every_line_of_every_job_is_there() {
        let path = std::path::Path::new("image.yaml");
        let yaml = include_str!("../../image-build/src/testing/image.yaml");
        let without = text(&Images::parse(yaml, path).unwrap());
        assert!(!without.contains("\nkmods:"), "{without}");
        let own = "  - build: containerfiles/zfs-kmods\n    image: ghcr.io/someone/zfs-kmods\n";
        let yaml = yaml.replace("architectures:", &format!("{own}architectures:"));
        let text = text(&Images::parse(&yaml, path).unwrap());
        for job in &JOBS {
            let part = text.split(&format!("\n{}:\n", job.name)).nth(1).unwrap();
            let part = part.split("\n\n").next().unwrap();
            let lines = job.lines.iter().copied().chain(job.alarm);
            // One image is joined as several are; its boot is the next job's.
            let here = |line: &&str| {
                job.name != "build" || ![crate::lines::MACHINE, PUBLISH].contains(line)
            };
            for line in lines.filter(here) {
                assert!(
                    part.contains(&format!("cargo xtask {line}")),
                    "{line}\n{part}"
                );
            }
        }
        assert!(
            text.contains("- {ARCH: x86_64, RUNNER: ubuntu-24.04}"),
            "{text}"
        );
    }

    #[test]
    fn a_job_in_which_nothing_is_done_says_nothing_to_the_alarm() {
        let path = std::path::Path::new("image.yaml");
        let yaml = include_str!("../../image-build/src/testing/image.yaml");
        let own = "  - build: containerfiles/zfs-kmods\n    image: ghcr.io/someone/zfs-kmods\n";
        let yaml = yaml.replace("architectures:", &format!("{own}architectures:"));
        let text = text(&Images::parse(&yaml, path).unwrap());
        let mut spoken = 0;
        for shape in &SHAPES {
            let part = text.split(&format!("\n{}:\n", shape.name)).nth(1).unwrap();
            let part = part.split("\n\n").next().unwrap();
            let says = part.lines().filter(|line| line.contains("xtask alarm "));
            for line in says {
                spoken += 1;
                let always = shape.only.first() == Some(&None);
                assert_eq!(line.contains("if ["), !always, "{part}");
            }
        }
        assert!(spoken > 4, "{text}");
    }

    /// Source: GitLab, "CI/CD YAML syntax reference", global keywords and "Unavailable
    /// names for jobs".
    #[test]
    fn no_job_has_a_name_that_gitlab_takes_for_something_else() {
        const TAKEN: [&str; 15] = [
            "image",
            "services",
            "stages",
            "types",
            "before_script",
            "after_script",
            "variables",
            "cache",
            "include",
            "workflow",
            "default",
            "spec",
            "true",
            "false",
            "nil",
        ];
        for shape in &SHAPES {
            assert!(!TAKEN.contains(&shape.name), "{}", shape.name);
        }
    }

    #[test]
    fn each_image_has_jobs_of_its_own_and_one_leaves_the_others() {
        let path = std::path::Path::new("image.yaml");
        let yaml = include_str!("../../image-build/src/testing/image.yaml").to_owned();
        let one = text(&Images::parse(&yaml, path).unwrap());
        assert!(one.contains("- {NAME: custom-coreos, ARCH: x86_64, RUNNER: ubuntu-24.04}"));
        assert!(
            !one.contains("$images") && !one.contains("when: always\n  parallel"),
            "{one}"
        );
        let section =
            "images:\n  nas: {image: {name: nas}, architectures: [aarch64, x86_64]}\n  desk: {}\n";
        let several = text(&Images::parse(&(yaml + section), path).unwrap());
        for line in [
            "- {NAME: nas, ARCH: aarch64, RUNNER: ubuntu-24.04-arm}",
            "- {NAME: nas, ARCH: x86_64, RUNNER: ubuntu-24.04}",
            "- {NAME: desk, ARCH: x86_64, RUNNER: ubuntu-24.04}",
            "- {NAME: nas, RUNNER: ubuntu-24.04-arm}",
            "| grep -qF \"\\\"$NAME\\\"\"; then cargo xtask build --push",
        ] {
            assert!(several.contains(line), "{line}\n{several}");
        }
        let publish = several.split("\npublish:\n").nth(1).unwrap();
        let publish = publish.split("\n\n").next().unwrap();
        assert!(publish.contains("when: always"), "{publish}");
    }
}
