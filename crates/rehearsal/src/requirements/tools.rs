//! The programs of the packages that any distribution has.

use super::tool::Purpose::{Build, Rehearse, Tests};
use super::tool::{Tool, tool};

/// In the order in which `doctor` tells them.
pub(super) const TOOLS: [Tool; 22] = [
    tool(
        &[Build],
        "git",
        "labels the image with its commit",
        "git",
        "git-core",
    ),
    tool(
        &[Build, Rehearse, Tests],
        "podman",
        "builds, runs and pushes the image",
        "podman",
        "podman",
    ),
    tool(
        &[Tests],
        "buildah",
        "another engine, in the tests",
        "buildah",
        "buildah",
    ),
    tool(
        &[Tests],
        "skopeo",
        "second opinion in the tests",
        "skopeo",
        "skopeo",
    ),
    tool(
        &[Build],
        "gpgv",
        "Fedora's signature of the base",
        "gpgv",
        "gnupg2",
    ),
    tool(
        &[Tests],
        "gpg-agent",
        "keys of the tests",
        "gpg-agent",
        "gnupg2",
    ),
    tool(
        &[Tests],
        "openssl",
        "certificates that sign kernel modules",
        "openssl",
        "openssl",
    ),
    tool(
        &[Tests],
        "ignition-validate",
        "the real Ignition, in the tests",
        "ignition",
        "ignition-validate",
    ),
    tool(
        &[Tests],
        "htpasswd",
        "a registry with accounts, in the tests",
        "apache2-utils",
        "httpd-tools",
    ),
    tool(
        &[Rehearse, Tests],
        "docker-registry",
        "registry of the rehearsal",
        "docker-registry",
        "docker-distribution",
    ),
    tool(
        &[Rehearse, Tests],
        "rpmbuild",
        "stand-ins of the rehearsal",
        "rpm",
        "rpm-build",
    ),
    tool(
        &[Rehearse, Tests],
        "rpm",
        "stand-ins of the rehearsal",
        "rpm",
        "rpm",
    ),
    tool(
        &[Rehearse, Tests],
        "depmod",
        "stand-ins of the rehearsal",
        "kmod",
        "kmod",
    ),
    tool(
        &[Rehearse, Tests],
        "systemctl",
        "stand-ins of the rehearsal",
        "systemd",
        "systemd",
    ),
    tool(
        &[Rehearse, Tests],
        "cc",
        "stand-ins of the rehearsal",
        "gcc",
        "gcc",
    ),
    tool(
        &[Tests],
        "zsh",
        "its completions, in the tests",
        "zsh bash-completion",
        "zsh bash-completion",
    ),
    tool(
        &[Tests],
        "fish",
        "its completions, in the tests",
        "fish",
        "fish",
    ),
    tool(
        &[Tests],
        "man",
        "man pages, in the tests",
        "man-db",
        "man-db",
    ),
    // That of a base image of the tests: Fedora's own is another one, and no test takes it.
    tool(
        &[Tests],
        "dnf",
        "a real package manager, in the tests",
        "dnf",
        "dnf5",
    ),
    tool(
        &[Tests],
        "createrepo_c",
        "package repositories, in the tests",
        "createrepo-c",
        "createrepo_c",
    ),
    // Debian has `venv` in a package of its own, which brings the program.
    tool(
        &[Tests],
        "python3",
        "brings zizmor, act and npm, for the tests",
        "python3-venv",
        "python3",
    ),
    tool(
        &[Tests],
        "rsync",
        "copies for gitlab-ci-local, in the tests",
        "rsync",
        "rsync",
    ),
];
