//! Hopscope beside the Linux kernel.
//!
//! For every topology, the engine's rules are loaded into network namespaces with `iptables-restore` and
//! `ip6tables-restore`, real TCP and UDP connections are opened, and pings are sent. Who answered, which source it saw, and in what
//! shares, must be what `World::paths` says. The kernel is the judge.
//!
//! In mode nftables the table is loaded with `nft`. Needs root and the programs of `iproute2`, `iptables` and `nftables`. Without root the test says so and passes; without the
//! programs likewise, but fails where `CI` is set.

mod agent;
mod arguments;
mod ask;
mod cluster;
mod compare;
mod flows;
mod lab;
mod ping;
mod plan;
mod run;
mod selfcheck;
mod socket;
mod topologies;

use arguments::Arguments;
use lab::{Lab, LabError};
use run::Verdict;
use std::{
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == agent::ARGUMENT) {
        agent::serve();
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse(words);
    if !arguments.list
        && let Some(obstacle) = obstacle()
    {
        println!("\nkernel test SKIPPED: {}", obstacle.why);
        println!("\ntest result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n");
        return if obstacle.is_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    if let Err(error) = lab::remove_stale() {
        println!("kernel: stale namespaces are left: {error}");
    }
    let start = Instant::now();
    let mut report = Report::new(arguments);
    report.topology("lab", |report| {
        let (plan, trials) = selfcheck::selfcheck().ok_or("an address of the self-check does not parse")?;
        let trials = report.select("lab", trials);
        if trials.is_empty() { Ok(Vec::new()) } else { run::run(&mut Lab::build(plan)?, &trials) }
    });
    let nft = !is_missing("nft");
    if !nft && !report.arguments.list {
        println!("\nkernel test SKIPPED in part: not installed: nft, so mode nftables is not tried");
    }
    if !report.arguments.list && !report.arguments.quiet {
        println!("kernel test: mode ipvs is not tried: the lab does not load virtual servers");
    }
    for topology in topologies::all() {
        if topology.needs_nft() && !nft {
            continue;
        }
        report.topology(&topology.name, |report| {
            let world = topology.world()?;
            let (trials, azure) = ask::trials(&topology, &world)?;
            let trials = report.select(&topology.name, trials);
            report.leave_to_azure(&topology.name, &azure);
            if trials.is_empty() {
                return Ok(Vec::new());
            }
            run::run(&mut Lab::build(plan::plan(&world, topology.sticky))?, &trials)
        });
    }
    if !nft && is_ci() {
        return ExitCode::FAILURE;
    }
    report.close(start)
}

fn is_missing(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Why the test cannot run here.
struct Obstacle {
    why: String,
    tools: bool,
}

impl Obstacle {
    /// In CI the programs must be there; that root is missing is only said.
    fn is_failure(&self) -> bool {
        self.tools && is_ci()
    }
}

fn obstacle() -> Option<Obstacle> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1));
    if uid != Some("0") {
        let why = "it needs root, for network namespaces and iptables".into();
        return Some(Obstacle { why, tools: false });
    }
    let missing = |program: &&str| is_missing(program);
    let programs: Vec<_> =
        ["ip", "iptables-restore", "ip6tables-restore"].into_iter().filter(missing).collect();
    if programs.is_empty() {
        return None;
    }
    Some(Obstacle { why: format!("not installed: {}", programs.join(", ")), tools: true })
}

/// What came of the flows so far, printed as libtest prints it.
struct Report {
    arguments: Arguments,
    passed: usize,
    filtered: usize,
    failures: Vec<(String, String)>,
}

impl Report {
    fn new(arguments: Arguments) -> Self {
        Self { arguments, passed: 0, filtered: 0, failures: Vec::new() }
    }

    /// Those of the trials that the arguments select; the others are counted.
    fn select(&mut self, topology: &str, trials: Vec<run::Trial>) -> Vec<run::Trial> {
        let all = trials.len();
        let name = |trial: &run::Trial| format!("kernel: {topology}: {}", trial.name);
        let wanted: Vec<_> =
            trials.into_iter().filter(|trial| self.arguments.selects(&name(trial))).collect();
        self.filtered += all - wanted.len();
        if self.arguments.list {
            for trial in &wanted {
                println!("{}: test", name(trial));
            }
            return Vec::new();
        }
        wanted
    }

    /// Counts flows that no kernel decides.
    fn leave_to_azure(&mut self, topology: &str, flows: &[String]) {
        for flow in flows {
            let name = format!("kernel: {topology}: {flow}");
            if !self.arguments.selects(&name) {
                self.filtered += 1;
            } else if !self.arguments.list {
                self.filtered += 1;
                if !self.arguments.quiet {
                    println!("left out {name}: Azure decides it before or without a kernel");
                }
            }
        }
    }

    /// Runs one topology and takes its verdicts; that it could not be run is a failure too.
    fn topology(&mut self, name: &str, run: impl FnOnce(&mut Self) -> Result<Vec<Verdict>, LabError>) {
        let verdicts = run(self).unwrap_or_else(|error| vec![("runs".into(), Some(error.to_string()))]);
        for (trial, mismatch) in verdicts {
            let trial = format!("kernel: {name}: {trial}");
            if !self.arguments.quiet || mismatch.is_some() {
                println!("test {trial} ... {}", if mismatch.is_some() { "FAILED" } else { "ok" });
            }
            match mismatch {
                None => self.passed += 1,
                Some(mismatch) => self.failures.push((trial, mismatch)),
            }
        }
    }

    fn close(self, start: Instant) -> ExitCode {
        if self.arguments.list {
            return ExitCode::SUCCESS;
        }
        for (trial, mismatch) in &self.failures {
            println!("\n---- {trial} ----\n{}", mismatch.trim_end());
        }
        let (word, code) = match self.failures.len() {
            0 => ("ok", ExitCode::SUCCESS),
            _ => ("FAILED", ExitCode::FAILURE),
        };
        println!(
            "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
            self.passed,
            self.failures.len(),
            self.filtered,
            start.elapsed().as_secs_f64()
        );
        code
    }
}
