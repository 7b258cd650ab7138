//! A process that registers as runs that it is not. Called with a directory, what it does, and a process id.

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::{env, fs, process, thread, time::Duration};

fn answer(attempts: impl Iterator<Item = String>) -> String {
    let attempts = attempts.map(|one| format!(r#"{{"number":{one},"binary_id":"b","name":"of the adversary"}}"#));
    let attempts = attempts.collect::<Vec<_>>().join(",");
    let pid = process::id();
    format!(r#"{{"schema":1,"pid":{pid},"jobs":9,"tests":9,"ended":0,"attempts":[{attempts}]}}"#)
}

fn main() {
    let words: Vec<String> = env::args().collect();
    let (directory, what, pid) = (Path::new(&words[1]), words[2].as_str(), &words[3]);
    if !directory.exists() {
        fs::DirBuilder::new().mode(0o700).create(directory).unwrap();
    }
    let count = if what == "silent" { 20 } else { 1 };
    let listeners: Vec<_> = (1..=count)
        .map(|n| {
            let name = if what == "newline" { "1-1\nx".to_owned() } else { format!("{n}-{n}") };
            UnixListener::bind(directory.join(name)).unwrap()
        })
        .collect();
    let text = match what {
        "flood" => answer((1..=200_000).map(|n| format!("{n},\"zygote\":{n}"))),
        "many" => answer((1..=9_000).map(|n| format!("{n},\"zygote\":{pid}"))),
        _ => String::new(),
    };
    println!("ready");
    loop {
        match what {
            "flood" | "many" => {
                let (mut stream, _) = listeners[0].accept().unwrap();
                let _ = stream.write_all(text.as_bytes());
            }
            "drips" => {
                let (mut stream, _) = listeners[0].accept().unwrap();
                thread::spawn(move || {
                    while stream.write_all(b" ").is_ok() {
                        thread::sleep(Duration::from_millis(20));
                    }
                });
            }
            _ => thread::sleep(Duration::from_secs(1)),
        }
    }
}
