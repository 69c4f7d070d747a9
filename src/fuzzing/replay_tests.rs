//! What is kept for the fuzzer is looked at in every run of the tests.

use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

/// Files of a folder; none if there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn names(folder: &Path) -> Vec<String> {
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files(folder).iter().map(stem).collect()
}

#[test]
fn what_is_in_the_corpus_breaks_no_rule() {
    for (name, look) in TARGETS {
        let corpus = files(&folder("corpus").join(name));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for file in corpus {
            // A panic that does not name the file would be hard to act on.
            println!("{}", file.display());
            look(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn what_was_found_once_is_found_no_more() {
    for (name, look) in TARGETS {
        for file in files(&folder("findings").join(name)) {
            println!("{}", file.display());
            look(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_target_has_its_files_and_no_file_is_left_over() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert!(targets.is_sorted(), "{targets:?}");
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
    for found in names(&folder("findings")) {
        assert!(targets.contains(&found.as_str()), "{found} is no target");
    }
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

/// Bytes that make no sense are looked at by all: cheap, and no fuzzer is needed for it.
#[test]
fn noise_is_harmless_everywhere() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200 {
        let length = usize::try_from(random() % 300).unwrap();
        let noise: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[3]).collect();
        TARGETS.iter().for_each(|(_, look)| look(&noise));
    }
}
