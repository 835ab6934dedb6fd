/** The part that sees TornadoVM: kernels as tasks, and a device that runs them. */
@NullMarked
package org.gatun.tornado.device;

import org.jspecify.annotations.NullMarked;
