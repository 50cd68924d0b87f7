//! Links the distribution's V8, which `.v8/provision.sh` has staged, and compiles our own C++ seam to it.

use std::path::{Path, PathBuf};

fn main() {
    let stage = PathBuf::from(env("V8_PATH"));
    println!("cargo:rerun-if-env-changed=V8_PATH");
    println!("cargo:rerun-if-changed=src/script/v8_seam.cc");
    println!("cargo:rerun-if-changed={}", stage.join("include/v8.h").display());
    if !stage.join("lib/libnode.so").exists() {
        println!(
            "cargo:warning=no V8 in {}; run `make v8` (or .v8/provision.sh) once",
            stage.display()
        );
        std::process::exit(1);
    }
    link(&stage);
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flag(format!("-isystem{}", stage.join("include").display()))
        .define("ORRERY_REAL_SCRIPT_ORIGIN", None)
        .file("src/script/v8_seam.cc")
        .compile("orrery_v8_seam");
}

/// The library itself, for whatever links this crate; the rpath, for our own programs, tests and examples.
fn link(stage: &Path) {
    let libraries = stage.join("lib");
    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-lib=dylib=node");
    // Old-style rpath: it also finds the libraries that libnode needs in turn. $ORIGIN: a program moved along with its `v8/lib`.
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../v8/lib:$ORIGIN/../lib/orrery");
    // mini-v8 comes after us on the linker's line and needs it too.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-lnode");
}

fn env(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) => value,
        Err(_) => {
            println!(
                "cargo:warning={name} is not set: build inside the project folder, where .cargo/config.toml sets it"
            );
            std::process::exit(1);
        }
    }
}
