//! Which faults met which calls.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::Fault;
use crate::network::Operation;

/// How often each fault met each operation.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    met: BTreeMap<(Fault, Operation), u64>,
    /// Faults that met no call: nothing was under way.
    idle: BTreeMap<Fault, u64>,
}

impl Coverage {
    pub(crate) fn met(&mut self, fault: Fault, operation: Operation) {
        *self.met.entry((fault, operation)).or_default() += 1;
    }

    /// A fault met all that was under way.
    pub(crate) fn met_all(
        &mut self,
        fault: Fault,
        operations: impl IntoIterator<Item = Operation>,
    ) {
        let mut none = true;
        for operation in operations {
            none = false;
            self.met(fault, operation);
        }
        if none {
            *self.idle.entry(fault).or_default() += 1;
        }
    }

    /// Adds what another run met.
    pub fn add(&mut self, other: &Self) {
        for (key, times) in &other.met {
            *self.met.entry(*key).or_default() += times;
        }
        for (fault, times) in &other.idle {
            *self.idle.entry(*fault).or_default() += times;
        }
    }

    /// The faults that met no call at all.
    pub fn missing(&self) -> Vec<String> {
        let met = |fault: &Fault| self.met.keys().any(|(known, _)| known == fault);
        let missing = Fault::ALL.iter().filter(|fault| !met(fault));
        missing.map(ToString::to_string).collect()
    }
}

impl fmt::Display for Coverage {
    /// A row for each fault, a column for each operation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}", "")?;
        for operation in Operation::ALL {
            write!(f, " {operation:>14}")?;
        }
        writeln!(f, " {:>8}", "(idle)")?;
        for fault in Fault::ALL {
            write!(f, "{:<18}", fault.to_string())?;
            for operation in Operation::ALL {
                match self.met.get(&(fault, operation)) {
                    Some(times) => write!(f, " {times:>14}")?,
                    None => write!(f, " {:>14}", "-")?,
                }
            }
            writeln!(f, " {:>8}", self.idle.get(&fault).copied().unwrap_or(0))?;
        }
        Ok(())
    }
}
