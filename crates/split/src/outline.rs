//! Branches that do not run at the start, each put into a function of its own, which the cut then leaves to the rest.
//!
//! The function takes the locals that the branch reads and gives back those that it writes and that are read later.
//! Where the branch can end in more than one way (at its end, by a jump out of it, by a return), it also tells which.

use crate::branches::{self, Branch};
use crate::live::{Live, Locals};
use crate::names::{Startup, name};
use std::collections::{BTreeMap, BTreeSet};
use walrus::ir::{Instr, InstrSeq, InstrSeqId, LocalId, Visitor, dfs_in_order};
use walrus::{FunctionId, FunctionKind, LocalFunction, Module, ValType};

/// What the name of such a function ends in.
const SELDOM: &str = " (seldom)";

/// Takes the branches that did not run out of the functions that did; gives how many.
pub(crate) fn seldom(module: &mut Module, startup: &Startup) -> usize {
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let mut count = 0;
    for id in functions {
        let Some(name) = name(module, id) else { continue };
        for plan in plans(module, id, &name, startup) {
            let function = plan.lift(module, id, &format!("{name}{SELDOM}"));
            plan.call(module, id, function);
            count += 1;
        }
    }
    count
}

fn plans(module: &Module, id: FunctionId, name: &str, startup: &Startup) -> Vec<Plan> {
    let FunctionKind::Local(function) = &module.funcs.get(id).kind else { return Vec::new() };
    let found = branches::of(module, function);
    let Some(ran) = startup.ran(name, &branches::shape(&found)) else { return Vec::new() };
    let seldom = found.iter().zip(ran).filter(|(_, ran)| !**ran).map(|(branch, _)| *branch);
    let seldom = outermost(function, seldom);
    if seldom.is_empty() {
        return Vec::new();
    }
    let live = Live::of(function, &seldom);
    seldom.into_iter().filter_map(|branch| Plan::of(module, function, &live, branch)).collect()
}

/// Of branches, each before those inside it, the ones that are inside no other.
fn outermost(function: &LocalFunction, branches: impl Iterator<Item = Branch>) -> Vec<Branch> {
    let mut taken = Taken::default();
    let mut outermost = Vec::new();
    for branch in branches {
        if taken.0.get(&branch.seq).is_some_and(|at| *at <= branch.at) {
            continue;
        }
        for (instr, _) in function.block(branch.seq).instrs.iter().skip(branch.at) {
            for seq in branches::inner(instr) {
                dfs_in_order(&mut taken, function, seq);
            }
        }
        taken.0.insert(branch.seq, branch.at);
        outermost.push(branch);
    }
    outermost
}

/// From which instruction on sequences are in a branch.
#[derive(Default)]
struct Taken(BTreeMap<InstrSeqId, usize>);

impl Visitor<'_> for Taken {
    fn start_instr_seq(&mut self, seq: &InstrSeq) {
        self.0.insert(seq.id(), 0);
    }
}

/// How a branch becomes a function.
pub(crate) struct Plan {
    pub(crate) branch: Branch,
    /// The outermost sequence of the function around it: a jump there is a return.
    pub(crate) entry: InstrSeqId,
    pub(crate) takes: Vec<LocalId>,
    pub(crate) gives: Vec<LocalId>,
    /// What its end leaves on the stack; nothing if control does not come there.
    pub(crate) end: Option<Vec<ValType>>,
    /// The sequences around it that it jumps to, and whether it takes the values there.
    pub(crate) exits: BTreeMap<InstrSeqId, bool>,
    pub(crate) values: Vec<ValType>,
}

impl Plan {
    /// Of a branch that can be lifted.
    fn of(module: &Module, function: &LocalFunction, live: &Live, branch: Branch) -> Option<Self> {
        let mut ways = Ways {
            module,
            function,
            live,
            inside: BTreeSet::new(),
            used: Locals::new(),
            written: Locals::new(),
            read: Locals::new(),
            exits: BTreeMap::new(),
            values: None,
        };
        ways.walk(branch.seq, branch.at)?;
        let block = function.block(branch.seq);
        let end = if block.instrs.last().is_some_and(|(instr, _)| branches::leaves(instr)) {
            None
        } else {
            ways.read.extend(live.behind.get(&branch.seq)?);
            Some(branches::types(module, block.ty).1)
        };
        let gives: Locals = ways.read.intersection(&ways.written).copied().collect();
        let needed = live.at_branch.get(&(branch.seq, branch.at))?;
        let takes = needed.iter().filter(|local| ways.used.contains(local) || gives.contains(local));
        Some(Self {
            branch,
            entry: function.entry_block(),
            takes: takes.copied().collect(),
            gives: gives.into_iter().collect(),
            end,
            exits: ways.exits,
            values: ways.values.unwrap_or_default(),
        })
    }
}

/// What a branch does with locals, and the ways out of it.
struct Ways<'a> {
    module: &'a Module,
    function: &'a LocalFunction,
    live: &'a Live,
    inside: BTreeSet<InstrSeqId>,
    used: Locals,
    written: Locals,
    /// What is read behind one of the ways out.
    read: Locals,
    exits: BTreeMap<InstrSeqId, bool>,
    values: Option<Vec<ValType>>,
}

impl Ways<'_> {
    /// Nothing if the branch holds what cannot be lifted.
    fn walk(&mut self, seq: InstrSeqId, from: usize) -> Option<()> {
        for (instr, _) in self.function.block(seq).instrs.iter().skip(from) {
            match instr {
                Instr::LocalGet(get) => {
                    self.used.insert(get.local);
                }
                Instr::LocalSet(set) => self.write(set.local),
                Instr::LocalTee(set) => self.write(set.local),
                Instr::Br(jump) => self.exit(jump.block, true)?,
                Instr::BrIf(jump) => self.exit(jump.block, false)?,
                Instr::BrTable(jump) => {
                    for block in jump.blocks.iter().chain([&jump.default]) {
                        self.exit(*block, false)?;
                    }
                }
                Instr::Return(_) => self.exit(self.function.entry_block(), true)?,
                Instr::TryTable(_)
                | Instr::Try(_)
                | Instr::Rethrow(_)
                | Instr::BrOnNull(_)
                | Instr::BrOnNonNull(_)
                | Instr::BrOnCast(_)
                | Instr::BrOnCastFail(_) => return None,
                _ => {}
            }
            for seq in branches::inner(instr) {
                self.inside.insert(seq);
                self.walk(seq, 0)?;
            }
        }
        Some(())
    }

    fn write(&mut self, local: LocalId) {
        self.used.insert(local);
        self.written.insert(local);
    }

    /// A jump, which may or may not take values along.
    fn exit(&mut self, to: InstrSeqId, values: bool) -> Option<()> {
        if self.inside.contains(&to) {
            return Some(());
        }
        let ty = self.function.block(to).ty;
        // A jump to a loop begins it again and takes none of its results.
        let taken = if self.live.loops.contains(&to) {
            branches::types(self.module, ty).0
        } else {
            branches::types(self.module, ty).1
        };
        let valued = !taken.is_empty();
        if valued && (!values || *self.values.get_or_insert_with(|| taken.clone()) != taken) {
            return None;
        }
        self.read.extend(self.live.at_label.get(&to)?);
        self.exits.insert(to, valued);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::ir::BinaryOp;
    use walrus::{FunctionBuilder, InstrSeqBuilder, ModuleConfig};

    /// A function of two numbers, `a` and `n`, that adds to `n` in a branch that runs if `a` is not zero, goes on as
    /// `ending` says, and gives `n`. All is in a loop (the first label) in a block (the second).
    fn page(ending: impl FnOnce(&mut InstrSeqBuilder, [LocalId; 2], [InstrSeqId; 2])) -> Module {
        let mut module = Module::default();
        let [a, n] = [ValType::I32; 2].map(|ty| module.locals.add(ty));
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32; 2], &[ValType::I32]);
        builder.name("app::drawn".to_owned());
        builder.func_body().block(None, |block| {
            let outer = block.id();
            block.loop_(None, |body| {
                let again = body.id();
                body.local_get(a).if_else(
                    None,
                    |arm| {
                        for _ in 0..8 {
                            arm.local_get(n).i32_const(7).binop(BinaryOp::I32Add).local_set(n);
                        }
                        ending(arm, [a, n], [again, outer]);
                    },
                    |_| {},
                );
            });
        });
        builder.func_body().local_get(n);
        let function = builder.finish(vec![a, n], &mut module.funcs);
        module.exports.add("drawn", function);
        module
    }

    /// The types of what is lifted from a page, by how its branch ends.
    fn lifted(
        ending: impl FnOnce(&mut InstrSeqBuilder, [LocalId; 2], [InstrSeqId; 2]),
    ) -> Option<(Vec<ValType>, Vec<ValType>)> {
        let mut module = page(ending);
        let shape = branches::shape(&branches::of(&module, module.funcs.iter_local().next()?.1));
        let startup = Startup::of(&format!("app::drawn\t{shape}\t00000"));
        seldom(&mut module, &startup);
        // What is wrong in types does not parse.
        let module = ModuleConfig::new().parse(&module.emit_wasm()).expect("a valid module");
        let function = module.funcs.by_name("app::drawn (seldom)")?;
        let ty = module.types.get(module.funcs.get(function).ty());
        Some((ty.params().to_vec(), ty.results().to_vec()))
    }

    #[test]
    fn a_lifted_branch_takes_what_it_reads_and_gives_what_is_read_later() {
        let i32s = |count| vec![ValType::I32; count];
        // It goes on behind itself: `n` in, `n` out.
        assert_eq!(lifted(|_, _, _| {}), Some((i32s(1), i32s(1))));
        // It traps, and nothing is read later.
        assert_eq!(
            lifted(|arm, _, _| {
                arm.unreachable();
            }),
            Some((i32s(1), i32s(0)))
        );
        // It returns a number, and nothing else is read later.
        assert_eq!(
            lifted(|arm, [_, n], _| {
                arm.local_get(n).return_();
            }),
            Some((i32s(1), i32s(1)))
        );
        // It begins the loop again, where `a` is read, or goes on: which of the two, and both numbers.
        assert_eq!(
            lifted(|arm, [a, n], [again, _]| {
                arm.local_get(n).local_tee(a).br_if(again);
            }),
            Some((i32s(1), i32s(3)))
        );
        // Three ways, one of them with a number: that, which way, and `n`.
        assert_eq!(
            lifted(|arm, [a, n], [again, outer]| {
                arm.local_get(a).br_if(again).local_get(n).br_if(outer).local_get(a).return_();
            }),
            Some((i32s(2), i32s(3)))
        );
        // A table of jumps.
        assert_eq!(
            lifted(|arm, [a, _], [again, outer]| {
                arm.local_get(a).br_table([again, outer].into(), outer);
            }),
            Some((i32s(2), i32s(2)))
        );
    }

    #[test]
    fn what_runs_and_what_the_list_does_not_know_stays() {
        for list in ["", "app::drawn", "app::drawn\tcafe\t0", "app::drawn\tSHAPE\t1", "app::other\tSHAPE\t0"]
        {
            let mut module = page(|_, _, _| {});
            let (_, function) = module.funcs.iter_local().next().expect("one function");
            let shape = branches::shape(&branches::of(&module, function));
            assert_eq!(seldom(&mut module, &Startup::of(&list.replace("SHAPE", &shape))), 0, "{list}");
        }
    }
}
