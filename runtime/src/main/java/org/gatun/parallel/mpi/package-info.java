/**
 * Collectives over Open MPI: ranks on one host or many, started by {@code mpirun} or {@code srun}.
 */
package org.gatun.parallel.mpi;
