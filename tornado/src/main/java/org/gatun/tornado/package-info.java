/**
 * The tornado backend but for TornadoVM itself: a graph becomes a table of launches over a few
 * pools, and an {@link org.gatun.tornado.Executor} runs them: plain Java here, a device in the
 * module that is built where an SDK is.
 */
@NullMarked
package org.gatun.tornado;

import org.jspecify.annotations.NullMarked;
