//! A branch as a function, and the call in its place.

use crate::outline::Plan;
use std::collections::BTreeMap;
use walrus::ir::{
    BinaryOp, Binop, Block, Br, BrIf, BrTable, Call, Const, IfElse, Instr, InstrSeqId, LocalGet, LocalId,
    LocalSet, LocalTee, Loop, Return, Unreachable, Value,
};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, LocalFunction, Module, ModuleLocals, ValType};

impl Plan {
    /// In how many ways the branch can end.
    fn ways(&self) -> usize {
        self.exits.len() + usize::from(self.end.is_some())
    }

    /// Adds the function that does what the branch does. It gives what the branch's end leaves on the stack, the values
    /// that a way out takes along, the number of the way if there are several, and the locals.
    pub(crate) fn lift(&self, module: &mut Module, from: FunctionId, name: &str) -> FunctionId {
        let types = |locals: &[LocalId]| -> Vec<ValType> {
            locals.iter().map(|local| module.locals.get(*local).ty()).collect()
        };
        let end = self.end.clone().unwrap_or_default();
        let mut results = [end.as_slice(), &self.values].concat();
        if self.ways() > 1 {
            results.push(ValType::I32);
        }
        results.extend(types(&self.gives));
        let mut builder = FunctionBuilder::new(&mut module.types, &types(&self.takes), &results);
        builder.name(name.to_owned());
        let FunctionKind::Local(function) = &module.funcs.get(from).kind else {
            return from;
        };
        let entry = builder.func_body_id();
        let mut copy = Copy {
            function,
            builder,
            locals: &mut module.locals,
            renamed: BTreeMap::new(),
            labels: BTreeMap::new(),
            plan: self,
            values: Vec::new(),
        };
        let arguments = self.takes.iter().map(|local| copy.local(*local)).collect();
        copy.values = self.values.iter().map(|ty| copy.locals.add(*ty)).collect();
        let left: Vec<LocalId> = end.iter().map(|ty| copy.locals.add(*ty)).collect();

        // A block for each way out, one in another: a jump out of the branch is a jump behind its block.
        let mut seq = entry;
        let mut behind = Vec::new();
        for (way, exit) in self.exits.keys().enumerate() {
            let inner = copy.builder.dangling_instr_seq(None).id();
            copy.push(seq, Block { seq: inner });
            copy.labels.insert(*exit, inner);
            behind.push((seq, way));
            seq = inner;
        }
        copy.seq(self.branch.seq, self.branch.at, seq);
        if self.end.is_some() {
            copy.set(seq, &left);
            behind.push((seq, self.exits.len()));
        }
        for (seq, way) in behind {
            copy.get(seq, &left);
            copy.get(seq, &copy.values.clone());
            if self.ways() > 1 {
                copy.push(seq, number(way));
            }
            let gives: Vec<LocalId> = self.gives.iter().map(|local| copy.local(*local)).collect();
            copy.get(seq, &gives);
            copy.push(seq, Return {});
        }
        let builder = copy.builder;
        builder.finish(arguments, &mut module.funcs)
    }

    /// Puts a call into the place of the branch.
    pub(crate) fn call(&self, module: &mut Module, within: FunctionId, func: FunctionId) {
        let way = module.locals.add(ValType::I32);
        let values: Vec<LocalId> = self.values.iter().map(|ty| module.locals.add(*ty)).collect();
        let FunctionKind::Local(function) = &mut module.funcs.get_mut(within).kind else {
            return;
        };
        let mut code: Vec<Instr> = self.takes.iter().map(|local| LocalGet { local: *local }.into()).collect();
        code.push(Call { func }.into());
        let mut results = values.clone();
        if self.ways() > 1 {
            results.push(way);
        }
        results.extend(&self.gives);
        code.extend(results.iter().rev().map(|local| Instr::from(LocalSet { local: *local })));

        let ways = self.exits.iter().enumerate();
        for (number_of, (exit, valued)) in ways {
            let mut jump: Vec<Instr> = Vec::new();
            if *valued {
                jump.extend(values.iter().map(|local| Instr::from(LocalGet { local: *local })));
            }
            jump.push(if *exit == self.entry { Return {}.into() } else { Br { block: *exit }.into() });
            if self.end.is_none() && number_of + 1 == self.exits.len() {
                code.extend(jump);
                break;
            }
            code.extend([
                LocalGet { local: way }.into(),
                number(number_of),
                Binop { op: BinaryOp::I32Eq }.into(),
            ]);
            if *valued || *exit == self.entry {
                let builder = function.builder_mut();
                let consequent = builder.dangling_instr_seq(None).id();
                let alternative = builder.dangling_instr_seq(None).id();
                builder.instr_seq(consequent).instrs_mut().extend(jump.into_iter().map(located));
                code.push(IfElse { consequent, alternative }.into());
            } else {
                code.push(BrIf { block: *exit }.into());
            }
        }
        if self.ways() == 0 {
            code.push(Unreachable {}.into());
        }
        let instrs = &mut function.block_mut(self.branch.seq).instrs;
        instrs.truncate(self.branch.at);
        instrs.extend(code.into_iter().map(located));
    }
}

fn number(way: usize) -> Instr {
    Const { value: Value::I32(i32::try_from(way).unwrap_or(i32::MAX)) }.into()
}

fn located(instr: Instr) -> (Instr, walrus::ir::InstrLocId) {
    (instr, walrus::ir::InstrLocId::default())
}

/// Copies instructions of one function into another.
struct Copy<'a> {
    function: &'a LocalFunction,
    builder: FunctionBuilder,
    locals: &'a mut ModuleLocals,
    renamed: BTreeMap<LocalId, LocalId>,
    labels: BTreeMap<InstrSeqId, InstrSeqId>,
    plan: &'a Plan,
    /// Where jumps out of the branch leave the values that they take along.
    values: Vec<LocalId>,
}

impl Copy<'_> {
    fn local(&mut self, old: LocalId) -> LocalId {
        let ty = self.locals.get(old).ty();
        *self.renamed.entry(old).or_insert_with(|| self.locals.add(ty))
    }

    fn push(&mut self, seq: InstrSeqId, instr: impl Into<Instr>) {
        self.builder.instr_seq(seq).instr(instr);
    }

    fn get(&mut self, seq: InstrSeqId, locals: &[LocalId]) {
        for local in locals {
            self.push(seq, LocalGet { local: *local });
        }
    }

    fn set(&mut self, seq: InstrSeqId, locals: &[LocalId]) {
        for local in locals.iter().rev() {
            self.push(seq, LocalSet { local: *local });
        }
    }

    /// Copies a sequence's instructions from a place on to the end of another.
    fn seq(&mut self, from: InstrSeqId, at: usize, to: InstrSeqId) {
        let function = self.function;
        for (instr, _) in function.block(from).instrs.iter().skip(at) {
            let instr = self.instr(instr, to);
            self.push(to, instr);
        }
    }

    fn inner(&mut self, seq: InstrSeqId) -> InstrSeqId {
        let inner = self.builder.dangling_instr_seq(self.function.block(seq).ty).id();
        self.labels.insert(seq, inner);
        self.seq(seq, 0, inner);
        inner
    }

    fn label(&self, seq: InstrSeqId) -> InstrSeqId {
        self.labels.get(&seq).copied().unwrap_or(seq)
    }

    fn instr(&mut self, instr: &Instr, to: InstrSeqId) -> Instr {
        match instr {
            Instr::Block(block) => Block { seq: self.inner(block.seq) }.into(),
            Instr::Loop(block) => Loop { seq: self.inner(block.seq) }.into(),
            Instr::IfElse(arms) => {
                let consequent = self.inner(arms.consequent);
                IfElse { consequent, alternative: self.inner(arms.alternative) }.into()
            }
            Instr::LocalGet(get) => LocalGet { local: self.local(get.local) }.into(),
            Instr::LocalSet(set) => LocalSet { local: self.local(set.local) }.into(),
            Instr::LocalTee(set) => LocalTee { local: self.local(set.local) }.into(),
            Instr::Br(jump) => self.jump(jump.block, to),
            Instr::BrIf(jump) => BrIf { block: self.label(jump.block) }.into(),
            Instr::BrTable(jump) => {
                let blocks = jump.blocks.iter().map(|block| self.label(*block)).collect();
                BrTable { blocks, default: self.label(jump.default) }.into()
            }
            Instr::Return(_) => self.jump(self.plan.entry, to),
            other => other.clone(),
        }
    }

    /// A jump; out of the branch it takes no values along on the stack.
    fn jump(&mut self, old: InstrSeqId, to: InstrSeqId) -> Instr {
        if self.plan.exits.get(&old) == Some(&true) {
            self.set(to, &self.values.clone());
        }
        Br { block: self.label(old) }.into()
    }
}
