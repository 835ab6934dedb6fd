/**
 * The kernels: static methods over {@code int[]} and {@code float[]} pools that run as plain Java
 * and that TornadoVM compiles for a device. They see nothing of TornadoVM.
 *
 * <p>What TornadoVM's OpenCL back end forces on their bodies (5.2.1, JDK 25):
 *
 * <ul>
 *   <li>no {@code byte[]} or {@code short[]}: narrow loads keep a narrow stamp, and shifts of them
 *       are wrong; everything is unpacked from ints;
 *   <li>no {@code >>>}: it is emitted as a signed shift; mask after {@code >>};
 *   <li>no {@code Float.intBitsToFloat}, no fp16 (PoCL), no double (Metal): conversions and
 *       functions are arithmetic, in {@link org.gatun.tornado.kernels.Arithmetic};
 *   <li>no {@code switch}, nor a chain of {@code ==} on one int that becomes one: cases are lost;
 *       no return inside a branch that two conditions lead to;
 *   <li>no infinite or NaN constants: they are read from the head of the float pool.
 * </ul>
 */
@NullMarked
package org.gatun.tornado.kernels;

import org.jspecify.annotations.NullMarked;
