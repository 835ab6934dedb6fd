/** Collectives over one region of memory that all ranks of a host see: threads or processes. */
package org.gatun.parallel.shm;
