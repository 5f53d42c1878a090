//! Files of a crate form layers, and so do the crates: nothing imports what
//! imports it, not even by way of others.
//!
//! A file imports another if it names an item that is defined there: in a `use`
//! line, or in a path that begins with `crate`, `super`, `self`, a module of its
//! own or an imported one. Re-exports are followed to the definition. A parent's
//! `mod child;` and `pub use child::Item;` are a table of contents and no
//! import, unless the parent uses `Item` itself. Tests (`#[cfg(test)]`) may
//! import anything.

mod modules;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use modules::Crate;

use super::{assert_none, manifests, read, with_end};

/// Which crate may import which: only those in a list further up.
const LAYERS: [&[&str]; 12] = [
    &[
        "version-discovery",
        "registry-compat",
        "ignition-gen",
        "retention",
        "forge",
    ],
    &["host"],
    &["remote"],
    &["image-config"],
    &["signatures", "scaffold", "manual"],
    &["image-build", "image-layers", "cleanup"],
    &["machine"],
    &["image-publish"],
    &["kmods"],
    &["night"],
    &["rehearsal"],
    &["custom-coreos"],
];

/// Imports within a layer: types of the first are made of the second's.
const WITHIN_A_LAYER: [(&str, &str); 3] = [
    ("registry-compat", "version-discovery"),
    ("retention", "registry-compat"),
    ("retention", "version-discovery"),
];

/// From each importer to what it imports, with the line that does.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// The shortest way from one name to another, both included; `None` without
/// one. From a name to itself it is a ring.
fn way(imports: &Imports, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in imports
            .get(&way[way.len() - 1])
            .into_iter()
            .flat_map(BTreeMap::keys)
        {
            let longer = [&way[..], std::slice::from_ref(next)].concat();
            if next == to {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// One message for each set of names that import each other: its shortest
/// ring, and how large the set is.
fn rings(imports: &Imports) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut messages = Vec::new();
    for name in imports.keys() {
        let together = |other: &&String| {
            way(imports, name, other).is_some() && way(imports, other, name).is_some()
        };
        if told.contains(name) || way(imports, name, name).is_none() {
            continue;
        }
        let set: Vec<&String> = imports.keys().filter(together).collect();
        told.extend(set.iter().copied());
        let rings = set.iter().filter_map(|name| way(imports, name, name));
        let ring = rings.min_by_key(Vec::len).unwrap_or_default();
        let lines = ring
            .windows(2)
            .map(|pair| format!("\n      {}", imports[&pair[0]][&pair[1]]));
        messages.push(format!(
            "{}{}{}",
            ring.join(" -> "),
            if set.len() + 1 > ring.len() {
                format!(" (of {} files that all import each other)", set.len())
            } else {
                String::new()
            },
            lines.collect::<String>()
        ));
    }
    messages
}

fn rings_of(files: &BTreeMap<String, String>) -> Vec<String> {
    rings(&Crate::read(files).imports())
}

#[test]
fn no_two_files_of_a_crate_import_each_other() {
    let sources = with_end(".rs");
    let mut found = Vec::new();
    for manifest in manifests() {
        let source = manifest.replace("Cargo.toml", "src/");
        let files: BTreeMap<String, String> = sources
            .iter()
            .filter_map(|path| Some((path.strip_prefix(&source)?.to_owned(), read(path))))
            .collect();
        assert!(!files.is_empty(), "{source}: where is lib.rs?");
        found.extend(
            rings_of(&files)
                .iter()
                .map(|ring| format!("{source}: {ring}")),
        );
    }
    assert_none(
        &found,
        "move what both need down into a file of its own, or pass it as an argument",
    );
}

/// The package's name and the crates that it is compiled with, tests aside.
fn package(manifest: &str) -> (String, Vec<String>) {
    let (mut section, mut name, mut imports) = ("", String::new(), Vec::new());
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            let one = section.strip_prefix("dependencies.");
            imports.extend(one.map(str::to_owned));
        } else if section == "package" && line.starts_with("name = ") {
            name = line.split('"').nth(1).unwrap_or_default().to_owned();
        } else if section == "dependencies" || section.ends_with(".dependencies") {
            let word = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !word.is_empty() && !word.starts_with('#') {
                imports.push(word.to_owned());
            }
        }
    }
    (name, imports)
}

/// What is wrong with the crates' imports.
fn against_the_layers(packages: &[(String, Vec<String>)]) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut wrong = Vec::new();
    for (name, imports) in packages {
        let Some(above) = layer(name) else {
            wrong.push(format!("{name} has no layer"));
            continue;
        };
        for other in imports {
            let within = WITHIN_A_LAYER.contains(&(name, other));
            if layer(other).is_some_and(|below| below >= above && !within) {
                wrong.push(format!("{name} -> {other} does not go downwards"));
            }
        }
    }
    for name in LAYERS.concat() {
        if !packages.iter().any(|(package, _)| package == name) {
            wrong.push(format!("{name} has a layer and does not exist"));
        }
    }
    wrong
}

#[test]
fn no_two_crates_import_each_other_and_arrows_go_downwards() {
    let packages: Vec<_> = manifests()
        .iter()
        .map(|path| package(&read(path)))
        .collect();
    assert_none(
        &against_the_layers(&packages),
        "give the crate data instead of an import, or change LAYERS and ARCHITECTURE.md",
    );
    let imports: Imports = packages
        .iter()
        .map(|(name, others)| {
            let edges = others
                .iter()
                .map(|other| (other.clone(), format!("{name}/Cargo.toml: {other}")));
            (name.clone(), edges.collect())
        })
        .collect();
    assert_none(&rings(&imports), "crates import each other");
}

/// The rings of a crate with these files: name and text.
#[track_caller]
fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    rings_of(&files.collect())
}

const ROOT: (&str, &str) = (
    "lib.rs",
    "mod a; mod b;\npub use a::A;\npub use b::{B, made as makes};",
);

#[test]
fn a_ring_is_named_with_the_lines_that_make_it() {
    let a = "use crate::B;\npub struct A;\n";
    let b = "use std::fmt;\n\nuse super::a::A;\npub struct B;\n";
    assert_eq!(
        planted(&[ROOT, ("a.rs", a), ("b.rs", b)]),
        ["a.rs -> b.rs -> a.rs\n      a.rs:1: use crate::B;\n      b.rs:3: use super::a::A;"]
    );
    let top = ("lib.rs", "mod a; mod b; mod c;");
    assert_eq!(
        planted(&[
            top,
            ("a.rs", "use crate::{b::{self as other, B}, extra};"),
            ("b.rs", "fn f() { crate::c::call::<A>() }"),
            (
                "c.rs",
                "mod deep {\n use super::super::a;\n fn f() -> a::A {} }"
            ),
        ]),
        [
            "a.rs -> b.rs -> c.rs -> a.rs\n      a.rs:1: use crate::b::B;\n      \
          b.rs:1: crate::c::call\n      c.rs:3: a::A"
        ]
    );
}

#[test]
fn imports_are_told_from_what_only_looks_like_one() {
    let a = "use crate::{B, makes};\npub struct A;";
    for harmless in [
        "",
        "// use crate::a::A;\n/* super::a::A /* */ */ //! crate::A",
        "const C: &str = \"\\\"; use crate::A; //\"; const D: char = '\"'; fn f<'a>(x: &'a str) {}",
        "const C: &str = r#\"a\" use crate::A;\"#; const D: char = '\\'';",
        "#[cfg(test)]\nmod tests { use crate::A; fn f() { crate::a::g(); } }",
        "#[cfg(test)]\n#[allow(unused)]\nuse crate::A;",
        "use other::A; use self::made; use Shape::*; fn f() { a::b(); self.a(); }",
        "use crate::a;",
    ] {
        let b = format!("{harmless}\npub struct B; pub fn made() {{}}");
        assert_eq!(
            planted(&[ROOT, ("a.rs", a), ("b.rs", &b)]),
            [""; 0],
            "{harmless}"
        );
    }
    for import in [
        "use crate::*;\nuse crate::a::*;",
        "fn f<'a>() -> crate::A {}",
        "use super::{a as other}; fn f() { other::g() }",
        "#[cfg(unix)] use crate::A;",
        "const C: char = '\"'; use crate::A; const D: char = '\"';",
        "use crate::B; fn f<'b>(x: &'b B) -> &'b self::super::a::A {}",
    ] {
        let b = format!("{import}\npub struct B; pub fn made() {{}}");
        let found = planted(&[ROOT, ("a.rs", a), ("b.rs", &b)]);
        assert!(
            found.len() == 1 && found[0].starts_with("a.rs -> b.rs -> a.rs"),
            "{import}: {found:?}"
        );
    }
}

#[test]
fn a_parent_may_list_its_children_or_be_used_by_them() {
    let child = ("a/mod.rs", "use super::Top; pub struct A;");
    let lists = "pub mod a; pub(crate) use a::A; pub struct Top;";
    assert_eq!(planted(&[("main.rs", lists), child]), [""; 0]);
    for uses in [
        "pub mod a; pub(crate) use a::A; pub struct Top(A);",
        "pub mod a; pub struct Top; fn f() { a::g() }",
        "pub mod a; use a::A; pub struct Top;",
    ] {
        let found = planted(&[("lib.rs", uses), child]);
        assert!(found.len() == 1, "{uses}");
        assert!(
            found[0].starts_with("a/mod.rs -> lib.rs -> a/mod.rs"),
            "{found:?}"
        );
    }
    // What a child gives on is defined where it comes from.
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::*; pub struct Top;"),
        ("a.rs", "mod c; pub use c::C; use crate::b::B;"),
        ("a/c.rs", "pub struct C;"),
        (
            "b.rs",
            "use crate::C; use crate::a::C as Same; pub struct B;",
        ),
    ];
    assert_eq!(planted(&files), [""; 0]);
}

#[test]
fn a_larger_set_is_told_by_its_shortest_ring() {
    let found = planted(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::c::C;"),
        ("c.rs", "use crate::{a::A, b::B};"),
        ("d.rs", "use crate::a::A;"),
    ]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("b.rs -> c.rs -> b.rs (of 3 files that all import each other)\n"),
        "{found:?}"
    );
}

#[test]
fn a_crate_imports_what_lies_below_it() {
    let manifest = "[package]\nname = \"p\"\n[dependencies]\n# Why.\na.workspace = true\nb = { path = \"c\" }\n\
                    [dependencies.d]\npath = \"d\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
                    [dev-dependencies]\nf = \"1\"\n[features]\ng = []\n";
    let (name, imports) = package(manifest);
    assert_eq!(
        (name.as_str(), imports.join(" ")),
        ("p", "a b d e".to_owned())
    );
    let mut packages: Vec<(String, Vec<String>)> = LAYERS
        .concat()
        .iter()
        .map(|name| ((*name).to_owned(), Vec::new()))
        .collect();
    let mut add = |name: &str, other: &str| {
        let (_, imports) = packages
            .iter_mut()
            .find(|(package, _)| package == name)
            .unwrap();
        imports.push(other.to_owned());
        against_the_layers(&packages)
    };
    assert_eq!(add("retention", "registry-compat"), [""; 0]);
    assert_eq!(add("remote", "host"), [""; 0]);
    assert_eq!(add("remote", "serde"), [""; 0]);
    let wrong = [
        "retention -> host does not go downwards",
        "remote -> machine does not go downwards",
    ];
    assert_eq!(add("retention", "host"), wrong[..1]);
    assert_eq!(add("remote", "machine"), wrong);
    packages.retain(|(name, _)| name != "host");
    packages.push(("new".to_owned(), Vec::new()));
    let wrong = [
        "retention -> host does not go downwards",
        "remote -> machine does not go downwards",
        "new has no layer",
        "host has a layer and does not exist",
    ];
    assert_eq!(against_the_layers(&packages), wrong);
}
