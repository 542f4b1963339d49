//! `hopscope lb --probes`: every member of every backend pool, up or down, and why.

use crate::{
    args::{CompareFormat, LbArguments},
    input,
    output::{self, Failure, visible},
};
use engine::{MemberHealth, PoolHealth, PoolWord};
use std::fmt::Write;

pub(crate) fn run(arguments: &LbArguments) -> Result<String, Failure> {
    let world = input::world(&arguments.files)?;
    let mut pools = world.pool_health();
    if let Some(name) = &arguments.load_balancer {
        let known: Vec<String> = world.cloud().balancers().map(|own| own.name.to_string()).collect();
        if !known.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(Failure::new(
                format!("there is no load balancer {name}"),
                output::choices("load balancers", known.iter().map(String::as_str)),
            ));
        }
        pools.retain(|pool| pool.load_balancer.eq_ignore_ascii_case(name));
    }
    match arguments.output {
        CompareFormat::Text => Ok(text(&pools)),
        CompareFormat::Json => output::json(&pools),
    }
}

fn text(pools: &[PoolHealth]) -> String {
    let mut out = String::new();
    for pool in pools {
        let _ = writeln!(out, "{} pool {}: {}", pool.load_balancer, pool.pool, word(pool.state));
        if !pool.rules.is_empty() {
            let _ = writeln!(out, "  rules {}", pool.rules.join(", "));
        }
        if let (Some(probe), Some((least, most))) = (&pool.probe, pool.down_after_seconds) {
            let _ = writeln!(out, "  probe {probe}, down {least} to {most} s after the last answer");
        }
        for member in &pool.members {
            let _ = writeln!(out, "  {} {}: {}", verdict(member), member.member, member.probe.why);
            if let Some(state) = member.admin_state {
                let _ = writeln!(out, "    its admin state is {state}, which goes before the probe");
            }
            if let Some(rule) = member.probe.stopped.as_ref().and_then(|stopped| stopped.rule.as_ref()) {
                let _ = writeln!(out, "    {}: {}", rule.place, rule.text);
            }
        }
    }
    visible(&out)
}

fn verdict(member: &MemberHealth) -> &'static str {
    match (member.takes_new_connections, member.probe.up) {
        (true, _) => "up  ",
        (false, false) => "down",
        (false, true) => "-   ",
    }
}

fn word(state: PoolWord) -> &'static str {
    match state {
        PoolWord::OutboundOnly => "outbound traffic only",
        PoolWord::Empty => "no member",
        PoolWord::Unprobed => "no probe, every member counts as up",
        PoolWord::Healthy => "takes connections",
        PoolWord::AllDownUsed => "all probes are down, all members are used",
        PoolWord::AllDown => "all probes are down, no new connection is taken",
    }
}
