//! What stands in the checkout of a sandbox.

pub const CONTAINERFILE: &str = "ARG KMODS_IMAGE
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG KERNEL_VERSION
COPY rootfs/ /
";

pub const CONTRACT: &str = "printf 'ok\\tall\\ta\\ta\\nend\\t1 checks, 0 failed\\n'\nexit\n";

/// Does what `hook` says before the call that it names, then is the engine.
pub const WRAPPER: &str = r#"#!/bin/bash
if [[ -f @HERE@/hook ]]; then . @HERE@/hook; fi
PATH=@PATH@ exec podman "$@"
"#;
