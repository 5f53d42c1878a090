//! Each rule with a text that just passes and one that just fails.

use super::*;

/// Passes all rules; the examples are edits of it.
const GOOD: &str = "\
ARG KMODS
ARG BASE
FROM ${KMODS:-the_build_argument_KMODS_is_required} AS kmods
COPY install.sh /x/
FROM $BASE
ARG A
LABEL containers.bootc=1
CMD [\"/sbin/init\"]
RUN --mount=type=bind,from=kmods,source=/,target=/run/kmods bash /run/kmods/x/install.sh
RUN exec bootc container lint
";

/// Rule, an edit that passes, an edit that fails, and the line that is reported. An
/// edit is a line of [`GOOD`] and its replacement.
type Example = (Rule, (usize, &'static str), (usize, &'static str), usize);

const EXAMPLES: &[Example] = &[
    (
        Rule::BaseIsArgument,
        (5, "FROM ${BASE}"),
        (5, "FROM quay.io/x:1"),
        5,
    ),
    (
        Rule::BaseIsArgument,
        (5, "FROM kmods\nARG BASE"),
        (5, "FROM ${BASE:-quay.io/x:1}"),
        5,
    ),
    (
        Rule::BaseIsArgument,
        (2, "ARG BASE\nARG OTHER=x"),
        (2, "ARG BASE=quay.io/x:1"),
        2,
    ),
    (
        Rule::BaseIsArgument,
        (5, "from --platform=linux/amd64 $BASE as b"),
        (5, "FROM ${BASE}:1"),
        5,
    ),
    (
        Rule::BaseIsArgument,
        (6, "ARG A\nCOPY --from=kmods /a /b\nCOPY --from=0 /a /b"),
        (6, "ARG A\nCOPY --from=quay.io/x:1 /a /b"),
        7,
    ),
    (
        Rule::BaseIsArgument,
        (
            9,
            "RUN --mount=type=bind,from=kmods,target=/k \\\n --mount=from=0,target=/l /k/install.sh",
        ),
        (
            9,
            "RUN --mount=type=bind,from=kmods,target=/k \\\n --mount=from=img,target=/l /k/install.sh",
        ),
        10,
    ),
    (
        Rule::Latest,
        (6, "LABEL a=x:latest-1"),
        (6, "LABEL a=x:latest"),
        6,
    ),
    (
        Rule::AddUrl,
        (4, "ADD x.tar.gz /x/"),
        (4, "ADD https://example.org/x.tar /x/"),
        4,
    ),
    (
        Rule::AddIsCopy,
        (4, "ADD [\"x.tgz\", \"/x/\"]"),
        (4, "add install.sh /x/"),
        4,
    ),
    (
        Rule::CopyAll,
        (4, "COPY rootfs/. /x/"),
        (4, "COPY . /x/"),
        4,
    ),
    (
        Rule::CopyAll,
        (6, "COPY --from=kmods / /x"),
        (6, "COPY [\"a\", \"./\", \"/x\"]"),
        6,
    ),
    (
        Rule::ContainerOption,
        (4, "COPY --chmod=755 a /x/"),
        (4, "COPY --link a /x/"),
        4,
    ),
    (
        Rule::ContainerOption,
        (
            9,
            "RUN --mount=type=bind,from=kmods,target=/k,ro /k/install.sh",
        ),
        (
            9,
            "RUN --mount=type=bind,from=kmods,target=/k,z /k/install.sh",
        ),
        9,
    ),
    (
        Rule::ContainerOption,
        (
            9,
            "RUN --network=none --mount=type=cache,target=/k /k/install.sh",
        ),
        (9, "RUN --security=insecure /k/install.sh"),
        9,
    ),
    (
        Rule::ContainerOption,
        (9, "RUN --mount=type=tmpfs,target=/k /k/install.sh"),
        (
            9,
            "RUN --mount=type=bind,target=/k,relabel=shared /k/install.sh",
        ),
        9,
    ),
    (
        Rule::Heredoc,
        (6, "RUN cat <<< x; echo $((1 << 2))"),
        (6, "RUN cat <<EOF\nsudo x | y\nEOF"),
        6,
    ),
    (
        Rule::Sudo,
        (6, "RUN echo sudo 'x; sudo y'"),
        (6, "RUN a && \\\n # note\n sudo x"),
        8,
    ),
    (
        Rule::Sudo,
        (6, "RUN [\"echo\", \"sudo\"]"),
        (6, "RUN [\"bash\", \"-c\", \"sudo x\"]"),
        6,
    ),
    (
        Rule::DownloadPipe,
        (6, "RUN curl -o f u && sh f"),
        (6, "RUN set -o pipefail; curl u | sh"),
        6,
    ),
    (
        Rule::DownloadPipe,
        (6, "RUN x=$(wget -qO- u)"),
        (6, "RUN sh -c \"$(wget -qO- u)\""),
        6,
    ),
    (
        Rule::DownloadPipe,
        (6, "RUN diff <(curl u) f"),
        (6, "RUN bash <(curl u)"),
        6,
    ),
    (
        Rule::SystemUpdate,
        (6, "RUN dnf check-update"),
        (6, "RUN dnf -y upgrade"),
        6,
    ),
    (
        Rule::SystemUpdate,
        (6, "RUN echo dnf update"),
        (6, "RUN true; rpm-ostree upgrade"),
        6,
    ),
    (
        Rule::Pipefail,
        (6, "RUN set -euo pipefail; a | b"),
        (6, "RUN set -eu; a | b"),
        6,
    ),
    (
        Rule::Pipefail,
        (6, "RUN [\"bash\", \"-o\", \"pipefail\", \"-c\", \"a | b\"]"),
        (6, "RUN bash -c 'a | b'"),
        6,
    ),
    (
        Rule::OnePackageLayer,
        (6, "RUN rpm -q x; dnf clean all"),
        (6, "RUN dnf install x"),
        9,
    ),
    (
        Rule::OnePackageLayer,
        (9, "RUN rpm -Uvh x && semodule -B"),
        (9, "RUN true"),
        10,
    ),
    (
        Rule::OnePackageLayer,
        (4, "RUN dnf install x"),
        (8, "RUN semanage x"),
        9,
    ),
    (
        Rule::LintLast,
        (10, "RUN [\"bootc\", \"container\", \"lint\"]"),
        (10, "RUN bootc status"),
        10,
    ),
    (
        Rule::LintLast,
        (
            10,
            "RUN set --; bootc container lint --skip x\nSTOPSIGNAL 9",
        ),
        (10, "RUN bootc container lint\nCOPY a /b"),
        11,
    ),
    (
        Rule::UndeclaredArgument,
        (6, "ARG A\nENV B=$A"),
        (6, "ENV B=$A\nARG A"),
        6,
    ),
    (
        Rule::UndeclaredArgument,
        (6, "ENV A=1\nRUN echo $A"),
        (6, "RUN echo ${KMODS}"),
        6,
    ),
    (
        Rule::UndeclaredArgument,
        (6, "RUN for x in a; do echo \"$x\" '$y' \\$z $1 $#; done"),
        (6, "RUN for x in a; do \\\n echo \"$y\"; done"),
        7,
    ),
    (
        Rule::UndeclaredArgument,
        (2, "ARG BASE OTHER"),
        (2, "ARG OTHER"),
        5,
    ),
    (
        Rule::SecretName,
        (6, "ARG TAKEN KEYBOARD"),
        (6, "ARG GITHUB_TOKEN"),
        6,
    ),
    (
        Rule::SecretName,
        (6, "ENV A=TOKEN"),
        (6, "ENV A=1 signing_key=x"),
        6,
    ),
    (
        Rule::UserRoot,
        (6, "USER core\nUSER root:root"),
        (6, "USER 0\nUSER core"),
        7,
    ),
    (
        Rule::BootcLabel,
        (7, "LABEL a=b \"containers.bootc\"=\"1\""),
        (7, "LABEL containers.bootc=0"),
        10,
    ),
    (
        Rule::ExecForm,
        (8, "ENTRYPOINT [ \"a\", \"b\" ]"),
        (8, "ENTRYPOINT a b"),
        8,
    ),
    (Rule::ExecForm, (8, "CMD []"), (8, "cmd [a]"), 8),
    (
        Rule::NotInOci,
        (6, "STOPSIGNAL SIGRTMIN+3"),
        (6, "SHELL [\"bash\", \"-c\"]"),
        6,
    ),
    (
        Rule::UnknownInstruction,
        (6, "WORKDIR /x"),
        (6, "COPPY a b"),
        6,
    ),
    (
        Rule::UnknownInstruction,
        (1, "# note\nARG KMODS"),
        (1, "ARG KMODS\nENV A=b"),
        2,
    ),
];

fn edited((line, text): (usize, &str)) -> String {
    let mut lines: Vec<&str> = GOOD.lines().collect();
    lines[line - 1] = text;
    lines.join("\n")
}

#[test]
fn the_good_one_is_good() {
    assert_eq!(lint(GOOD), []);
}

#[test]
fn each_rule_tells_right_from_wrong() {
    for (rule, good, bad, line) in EXAMPLES {
        assert_eq!(lint(&edited(*good)), [], "{rule:?}: {}", good.1);
        let found = lint(&edited(*bad));
        let found: Vec<_> = found.iter().map(|v| (v.line, v.rule)).collect();
        assert_eq!(found, [(*line, *rule)], "{}", bad.1);
    }
}

#[test]
fn every_rule_has_its_example_and_its_sentence() {
    for rule in Rule::ALL {
        assert!(
            EXAMPLES.iter().any(|example| example.0 == *rule),
            "{rule:?}"
        );
        assert!(rule.reason().ends_with('.'), "{}", rule.reason());
        assert!(
            !rule.reason().trim_end_matches('.').contains(". "),
            "one sentence: {rule:?}"
        );
    }
}

#[test]
fn all_violations_are_told_at_once() {
    let text = "FROM x:latest\nUSER me\nADD http://x/ /\nRUN sudo dnf upgrade | cat\n";
    let names: Vec<_> = lint(text).iter().map(|v| (v.line, v.rule.name())).collect();
    assert_eq!(
        names,
        [
            (1, "base-is-argument"),
            (1, "latest"),
            (2, "user-root"),
            (3, "add-url"),
            (4, "sudo"),
            (4, "pipefail"),
            (4, "one-package-layer"),
            (4, "lint-last"),
            (4, "bootc-label"),
        ]
    );
    assert_eq!(lint("")[0].to_string().split(':').next(), Some("line 1"));
}

#[test]
fn ours_is_clean() {
    let ours = include_str!("../../../../containerfiles/custom-coreos/Containerfile");
    let found: Vec<String> = lint(ours).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
