//! Lists `catalogue/*.toml`, so that a new file ships without a line of code.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=catalogue");
    let mut files: Vec<_> = fs::read_dir("catalogue")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let mut list = String::from("const SHIPPED: &[(&str, &str)] = &[\n");
    for file in &files {
        let name = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let _ = writeln!(
            list,
            r#"    ({name:?}, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue/{name}.toml"))),"#
        );
    }
    list.push_str("];\n");
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("shipped.rs"), list)
}
