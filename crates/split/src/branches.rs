//! Branches of a function: what follows a place that control may not come to.
//!
//! A branch is the end of a sequence of instructions: an arm of an `if`, or what follows a block, a loop, an `if` or a
//! conditional jump. If its first instruction does not run, none of it does. Only places with an empty operand stack
//! begin a branch, so that it can be put into a function of its own (`outline`).

use walrus::ir::{Instr, InstrSeqId, InstrSeqType};
use walrus::{LocalFunction, Module, ValType};

/// Instructions of a branch that is worth a look: calling a function of its own takes about as many.
const LARGE: u64 = 24;

/// A branch of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The sequence whose end it is.
    pub(crate) seq: InstrSeqId,
    /// Its first instruction's place in the sequence.
    pub(crate) at: usize,
    /// Instructions in it, those of sequences inside it too.
    pub(crate) size: u64,
}

/// The branches of a function, a branch before those inside it.
pub(crate) fn of(module: &Module, function: &LocalFunction) -> Vec<Branch> {
    let mut finder = Finder { module, function, found: Vec::new() };
    finder.walk(function.entry_block(), false);
    finder.found
}

/// A digest of where a function's branches are: the list of those that ran speaks of no other function.
pub(crate) fn shape(branches: &[Branch]) -> String {
    let mut digest = 0x811c_9dc5_u32;
    for branch in branches {
        for byte in branch.size.to_le_bytes() {
            digest = (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    format!("{digest:08x}")
}

/// What a sequence takes from the stack and leaves there.
pub(crate) fn types(module: &Module, ty: InstrSeqType) -> (Vec<ValType>, Vec<ValType>) {
    match ty {
        InstrSeqType::Simple(result) => (Vec::new(), result.into_iter().collect()),
        InstrSeqType::MultiValue(ty) => {
            let ty = module.types.get(ty);
            (ty.params().to_vec(), ty.results().to_vec())
        }
    }
}

/// The sequences that an instruction holds.
pub(crate) fn inner(instr: &Instr) -> Vec<InstrSeqId> {
    match instr {
        Instr::Block(block) => vec![block.seq],
        Instr::Loop(block) => vec![block.seq],
        Instr::IfElse(arms) => vec![arms.consequent, arms.alternative],
        _ => Vec::new(),
    }
}

/// Whether control never comes to what follows an instruction.
pub(crate) fn leaves(instr: &Instr) -> bool {
    matches!(instr, Instr::Br(_) | Instr::BrTable(_) | Instr::Return(_) | Instr::Unreachable(_))
}

struct Finder<'a> {
    module: &'a Module,
    function: &'a LocalFunction,
    found: Vec<Branch>,
}

impl Finder<'_> {
    /// Looks through a sequence, which may be an arm of an `if`.
    fn walk(&mut self, seq: InstrSeqId, arm: bool) {
        let block = self.function.block(seq);
        let (parameters, _) = types(self.module, block.ty);
        let mut height = if parameters.is_empty() { Some(0) } else { None };
        let mut begins = arm;
        for (at, (instr, _)) in block.instrs.iter().enumerate() {
            if begins && height == Some(0) {
                let size = self.size(seq, at);
                if size >= LARGE {
                    self.found.push(Branch { seq, at, size });
                }
            }
            for within in inner(instr) {
                self.walk(within, matches!(instr, Instr::IfElse(_)));
            }
            if leaves(instr) {
                return;
            }
            height = height.zip(self.change(instr)).map(|(height, change)| height + change);
            begins = matches!(instr, Instr::Block(_) | Instr::Loop(_) | Instr::IfElse(_) | Instr::BrIf(_));
        }
    }

    /// Instructions from a place in a sequence to its end.
    fn size(&self, seq: InstrSeqId, at: usize) -> u64 {
        let instrs = self.function.block(seq).instrs.iter().skip(at);
        instrs.map(|(instr, _)| 1 + inner(instr).iter().map(|seq| self.size(*seq, 0)).sum::<u64>()).sum()
    }

    /// By how much an instruction makes the operand stack higher, as far as it is one that Rust's compiler writes.
    fn change(&self, instr: &Instr) -> Option<i64> {
        let net = |(takes, leaves): (Vec<ValType>, Vec<ValType>)| {
            Some(i64::try_from(leaves.len()).ok()? - i64::try_from(takes.len()).ok()?)
        };
        let call = |ty| net(types(self.module, InstrSeqType::MultiValue(ty)));
        let block = |seq| net(types(self.module, self.function.block(seq).ty));
        match instr {
            Instr::Block(inner) => block(inner.seq),
            Instr::Loop(inner) => block(inner.seq),
            Instr::IfElse(arms) => Some(block(arms.consequent)? - 1),
            Instr::Call(called) => call(self.module.funcs.get(called.func).ty()),
            Instr::CallIndirect(called) => Some(call(called.ty)? - 1),
            Instr::LocalGet(_) | Instr::GlobalGet(_) | Instr::Const(_) | Instr::MemorySize(_) => Some(1),
            Instr::LocalTee(_) | Instr::Unop(_) | Instr::Load(_) | Instr::MemoryGrow(_) => Some(0),
            Instr::LocalSet(_) | Instr::GlobalSet(_) | Instr::Drop(_) | Instr::BrIf(_) | Instr::Binop(_) => {
                Some(-1)
            }
            Instr::Store(_) | Instr::Select(_) => Some(-2),
            Instr::MemoryCopy(_) | Instr::MemoryFill(_) => Some(-3),
            _ => None,
        }
    }
}
