//! `cargo xtask serve`: the page on this machine.

use crate::page::{self, Profile};
use crate::server::{self, Port};
use crate::tools::{self, Optimiser};
use crate::workspace::{dist, root, target};
use crate::{Stop, say};
use std::process::ExitCode;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Stop> {
    let (mut port, mut watch) = (Port::From(8080), false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--watch" => watch = true,
            "--port" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                port = Port::Exactly(number.ok_or("--port wants a number from 0 to 65535")?);
            }
            other => return Err(Stop(format!("serve knows --port N and --watch, not `{other}`"))),
        }
    }
    let profile = match tools::ensure()? {
        Optimiser::Ready if !watch => Profile::Release,
        Optimiser::Ready => Profile::Dev,
        Optimiser::Missing => {
            say("serving an unoptimised page: slower and larger, the same otherwise");
            Profile::Dev
        }
    };
    page::build(profile)?;
    let (listener, address) =
        server::listen(port).map_err(|error| format!("cannot listen on {}: {error}", name(port)))?;
    if watch {
        rebuild_on_change(profile)?;
    }
    println!("\n  Hopscope is at {address}   (Ctrl-C ends it)\n");
    server::serve(&listener, &dist());
    Ok(ExitCode::SUCCESS)
}

/// Leaves Trunk running beside us; it ends with us when the terminal interrupts both.
fn rebuild_on_change(profile: Profile) -> Result<(), Stop> {
    let mut trunk = page::trunk("watch", profile, &dist(), &target())?;
    // What the page is built from, and not what building it writes.
    for source in ["Cargo.toml", "crates", "examples", "index.html", "www"] {
        if root().join(source).exists() {
            trunk.arg("--watch").arg(source);
        }
    }
    let mut trunk = trunk.spawn().map_err(|error| format!("trunk watch could not start: {error}"))?;
    std::thread::spawn(move || {
        let status = trunk.wait();
        say(format!("trunk watch ended ({status:?}); the page stays as it is"));
    });
    say("watching the sources; reload the page after a change");
    Ok(())
}

fn name(port: Port) -> String {
    match port {
        Port::Exactly(port) => format!("port {port}"),
        Port::From(port) => format!("any port from {port} on"),
    }
}
