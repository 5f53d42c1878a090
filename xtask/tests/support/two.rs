//! A second architecture on a machine that has one: what another machine would
//! have pushed, made of what this one pushed.

use image_build::lock::Lock;
use image_publish::history::MEASURED;
use image_publish::sbom::SPDX;
use image_publish::{attach, attached, sbom};
use registry_compat::{Answer, Digest, ImageRef, Repository};
use remote::Registries;
use serde_json::{Value, json};
use signatures::signing::MANIFEST;

/// This machine's architecture and the other one, as kernels and as registries
/// call them.
pub fn names() -> [(&'static str, &'static str); 2] {
    let (x86, arm) = (("x86_64", "amd64"), ("aarch64", "arm64"));
    match std::env::consts::ARCH {
        "aarch64" => [arm, x86],
        _ => [x86, arm],
    }
}

/// A lock of one architecture, with the same for the other one.
pub fn lock(text: &str) -> String {
    let mut lock = Lock::parse(text, "lock.json").unwrap();
    let [(here, _), (there, _)] = names();
    let text = serde_json::to_string(&lock.targets[0]).unwrap();
    let other = serde_json::from_str(&text.replace(here, there)).unwrap();
    lock.targets.push(other);
    lock.to_line().unwrap()
}

fn there<T>(answer: Answer<T>) -> T {
    match answer {
        Answer::Present(value) => value,
        other => panic!("not there: {}", matches!(other, Answer::Absent)),
    }
}

/// The image `ours` for the other architecture, under that one's candidate tag,
/// with its packages and durations beside it.
pub fn foreign(registries: &Registries, repository: &Repository, ours: &Digest) -> Digest {
    let [_, (there_kernel, there_oci)] = names();
    let image = repository.at(ours.clone());
    let mut manifest: Value =
        serde_json::from_slice(&there(registries.artefact(&image)).manifest).unwrap();
    let config: Digest = manifest["config"]["digest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut config: Value =
        serde_json::from_slice(&there(registries.blob(&image, &config))).unwrap();
    config["architecture"] = there_oci.into();
    let config = config.to_string().into_bytes();
    manifest["config"]["digest"] = Digest::of(&config).to_string().into();
    manifest["config"]["size"] = json!(config.len());
    let manifest = manifest.to_string().into_bytes();
    let tag = format!("candidate-{there_kernel}").parse().unwrap();
    let to: ImageRef = repository.tagged(tag);
    registries.put(&to, MANIFEST, &manifest, &[config]).unwrap();
    let digest = Digest::of(&manifest);
    let list = sbom::parse("zfs\t0:2.4.4-1\taarch64\nend\t1 packages\n").unwrap();
    let document = sbom::document(repository, &digest, None, &list);
    attach(registries, repository, &digest, SPDX, document).unwrap();
    // It took as long as here.
    let took = attached(registries, repository, ours, MEASURED).unwrap();
    attach(registries, repository, &digest, MEASURED, took.unwrap()).unwrap();
    digest
}
