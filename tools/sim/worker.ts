/** A process that runs the tasks that it is sent, one at a time, and answers with outcomes. */
import type { Task } from './plan.ts'
import { runTask } from './run-task.ts'

process.on('message', (task: Task) => {
  // `runTask` never rejects.
  void runTask(task).then((outcome) => process.send?.(outcome))
})
// Whoever gave the tasks is gone.
process.on('disconnect', () => process.exit(1))
// A terminal sends Ctrl-C to everybody; the one who gives the tasks decides what it means.
process.on('SIGINT', () => undefined)
