"""Who comes back: the manager's answers, regressions, trees and networks, and a level that follows the shop."""
