package org.gatun.backend.suite;

/**
 * One case on one backend.
 *
 * @param backend the backend's name
 * @param op the op's name
 * @param result what became of it
 * @param nanos how long it took, reference included
 * @param smallest after a failure, the id of the smallest failing case of the op; else empty
 */
public record SuiteRow(
    String backend, String op, OpSuite.Result result, long nanos, String smallest) {}
