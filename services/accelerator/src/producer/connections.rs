//! The sender's side of its connections: what becomes of requests and of problems.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::kafka::failure::Cause;
use crate::kafka::pool::RETRY_BACKOFF;
use crate::lock::lock;
use crate::producer::request::Request;
use crate::producer::sender::Sender;

/// After how long to report the same problem again.
const REPEAT_PROBLEM_AFTER: Duration = Duration::from_secs(5);

impl<C: Send + 'static> Sender<C> {
    /// Collect the connections that were opened, and start opening those that are missing.
    pub(crate) fn connect(&mut self, now: Instant) {
        let access = lock(&self.shared.access).clone();
        let leaders = lock(&self.shared.topic).leaders.clone();
        for problem in self.pool.connect(now, &access, &leaders) {
            lock(&self.shared.topic).no_answer.clone_from(&problem.why);
            if problem.cause == Cause::Unsupported {
                lock(&self.shared.unsupported).get_or_insert_with(|| problem.why.clone());
            }
            self.report_problem(problem.why);
        }
    }

    /// Send a request, unless there is no connection any more.
    pub(crate) fn send_request(
        &mut self,
        id: i32,
        request: Request,
        until: Instant,
        encode: impl FnOnce(i32, &Request) -> Vec<u8>,
    ) {
        match self.pool.send(id, request, until, encode) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.drop_connection(id, &error.to_string()),
            Err(request) => self.handle_no_response(request),
        }
    }

    /// Write what could not be written before, and handle the responses that have arrived.
    pub(crate) fn receive(&mut self) {
        for id in self.pool.ids() {
            let versions = self.pool.versions(id);
            let (responses, problem) = self.pool.receive(id);
            for (request, response) in responses {
                self.handle_response(request, &response, &versions);
            }
            if let Some(why) = problem {
                self.drop_connection(id, &why);
            }
        }
    }

    /// Close connections on which a response is overdue.
    pub(crate) fn check_deadlines(&mut self) {
        for id in self.pool.overdue(Instant::now()) {
            self.drop_connection(id, "the broker does not answer");
        }
    }

    /// Close a connection. The log may or may not hold the batches that were in flight on it.
    pub(crate) fn drop_connection(&mut self, id: i32, why: &str) {
        let now = Instant::now();
        let Some(unanswered) = self.pool.close(id, now) else { return };
        self.metadata_due = self.metadata_due.min(now + RETRY_BACKOFF);
        for request in unanswered {
            self.handle_no_response(request);
        }
        let problem = format!("{}: {why}", self.pool.address(id));
        lock(&self.shared.topic).no_answer.clone_from(&problem);
        if id >= 0 {
            self.report_problem(problem);
        }
    }

    /// Close connections to brokers that lead no partition any more and have gone silent: what they have not answered is
    /// sent to the partitions' new leaders.
    pub(crate) fn drop_former_leaders(&mut self, leaders: &[i32]) {
        let (now, leaders): (_, HashSet<i32>) = (Instant::now(), leaders.iter().copied().collect());
        let silent = self.pool.iter().filter(|(_, connection)| connection.is_slow(now));
        let former: Vec<i32> = silent.map(|(id, _)| id).filter(|id| *id >= 0 && !leaders.contains(id)).collect();
        for id in former {
            self.drop_connection(id, "it does not answer, and it leads no partition any more");
        }
    }

    /// Report a problem to the event loop, but not the same one all the time.
    pub(crate) fn report_problem(&mut self, text: String) {
        let now = Instant::now();
        if self.last_problem.as_ref().is_some_and(|(last, at)| *last == text && now < *at + REPEAT_PROBLEM_AFTER) {
            return;
        }
        lock(&self.shared.problems).push(text.clone());
        self.last_problem = Some((text, now));
        self.shared.event_loop_waker.wake();
    }
}
