//! One replica leads; the others stand by with a warm cache.
//!
//! # Contract
//! - **At most one leads.** A leader's term ends nine tenths of the lease's duration after it *sent* its last renewal. A
//!   candidate takes the lease over only after it has itself seen the same record for the whole duration. So two terms never
//!   overlap, whatever time of day the clocks show. Only the speeds of the clocks must agree to within a tenth.
//! - **A lease that is not there** may have been deleted while another replica led. A candidate makes one without `acquireTime`, which is
//!   nobody's term, and begins its own when that record has stood for the whole duration. Only a leader whose term runs makes a lease
//!   that it leads with.
//! - **A deposed leader begins no write to AWS.** Each write asks its pass's [`Mandate`] right before it is sent and at every
//!   step, retries included, and ends with the term. One case is out of reach: a process that freezes between this check and
//!   the wire sends the call once it thaws. The next sweep finds and repairs what comes of it.
//! - **A term belongs to one holder.** A leader that could not renew for a while, and finds the record as it left it,
//!   continues its term: nobody else has led. Otherwise a new term begins, with nothing in memory.
//! - **Failover** takes at most the duration and half a second after a crash, or if there is no lease. After a graceful stop it takes half a second,
//!   because the leader gives the lease back.
//!
//! Most implementations compare the record's own times. This one does not, because they come from another machine's clock.

mod candidate;
mod election;
mod term;

pub use election::{Election, LeaseSettings};
pub use term::Leadership;
pub(crate) use term::Mandate;
