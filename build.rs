//! Says when the web app is missing. It is built by npm, not here: `cargo build` alone must work, without node.

use std::path::Path;

const APP: &str = "web";
const DIST: &str = "web/dist";
const PAGE: &str = "web/dist/index.html";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A path that does not exist counts as changed each time: watch the nearest one that exists.
    if let Some(watched) = [DIST, APP]
        .into_iter()
        .find(|path| Path::new(path).exists())
    {
        println!("cargo:rerun-if-changed={watched}");
    }
    if !Path::new(PAGE).exists() {
        println!(
            "cargo:warning={PAGE} does not exist, so / will only say how to build it: run `make web` first"
        );
    }
}
