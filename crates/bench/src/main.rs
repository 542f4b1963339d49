//! The table of `cargo xtask bench`, natively: medians beside budgets. Words of the command line choose cases.

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

/// So long a case is repeated, at least five times.
const WHILE: Duration = Duration::from_millis(1_500);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut failed = false;
    for case in bench::all() {
        if !words.iter().all(|word| case.name.contains(word.as_str())) {
            continue;
        }
        let Some(mut run) = (case.make)(case.size) else {
            println!("{}: cannot be prepared", case.name);
            failed = true;
            continue;
        };
        let started = Instant::now();
        let mut times = Vec::new();
        while times.len() < 5 || (started.elapsed() < WHILE && times.len() < 10_000) {
            let before = Instant::now();
            failed |= black_box(run()) == 0;
            times.push(before.elapsed());
        }
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e6;
        let budget = if case.budget > 0.0 { format!("{:.0}", case.budget) } else { String::new() };
        println!("| {} | {median:.1} | {budget} |", case.name);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
